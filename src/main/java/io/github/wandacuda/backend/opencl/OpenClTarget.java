package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.system.SignalHandlers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jocl.CL;
import org.jocl.cl_device_id;
import org.jocl.cl_platform_id;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A device of a platform that isn't open.
 *
 * @param platform the platform
 * @param device the device
 * @param facts what it says about itself
 */
record OpenClTarget(cl_platform_id platform, cl_device_id device, DeviceFacts facts) {
  private static final Logger LOG = LoggerFactory.getLogger(OpenClTarget.class);

  /** The loader's result if it finds no driver (cl_khr_icd). */
  private static final int NO_PLATFORM = -1001;

  /**
   * Returns the devices of all platforms; JOCL must be loaded. A driver that fails, such as one
   * whose kernel module is missing, is passed over. This loads the drivers, and with PoCL also
   * LLVM.
   */
  public static List<OpenClTarget> all() {
    return SignalHandlers.kept(OpenClTarget::ofAllPlatforms);
  }

  private static List<OpenClTarget> ofAllPlatforms() {
    List<OpenClTarget> targets = new ArrayList<>();
    for (cl_platform_id platform : platforms()) {
      try {
        targets.addAll(of(platform));
      } catch (BackendUnavailableException e) {
        LOG.warn("passed over {}: {}", name(platform), e.getMessage());
      }
    }
    return targets;
  }

  private static List<OpenClTarget> of(cl_platform_id platform) {
    return Arrays.stream(devices(platform))
        .map(device -> new OpenClTarget(platform, device, DeviceFacts.of(platform, device)))
        .toList();
  }

  private static String name(cl_platform_id platform) {
    try {
      return OpenClInfo.text(platform, CL.CL_PLATFORM_NAME);
    } catch (BackendUnavailableException e) {
      return "an OpenCL platform without a name";
    }
  }

  private static cl_platform_id[] platforms() {
    int[] count = new int[1];
    int status = CL.clGetPlatformIDs(0, null, count);
    if (status == NO_PLATFORM) {
      return new cl_platform_id[0];
    }
    OpenClStatus.check(status, "clGetPlatformIDs");
    cl_platform_id[] platforms = new cl_platform_id[count[0]];
    if (platforms.length > 0) {
      OpenClStatus.check(
          CL.clGetPlatformIDs(platforms.length, platforms, null), "clGetPlatformIDs");
    }
    return platforms;
  }

  private static cl_device_id[] devices(cl_platform_id platform) {
    int[] count = new int[1];
    int status = CL.clGetDeviceIDs(platform, CL.CL_DEVICE_TYPE_ALL, 0, null, count);
    if (status == CL.CL_DEVICE_NOT_FOUND) {
      return new cl_device_id[0];
    }
    OpenClStatus.check(status, "clGetDeviceIDs");
    cl_device_id[] devices = new cl_device_id[count[0]];
    if (devices.length > 0) {
      OpenClStatus.check(
          CL.clGetDeviceIDs(platform, CL.CL_DEVICE_TYPE_ALL, devices.length, devices, null),
          "clGetDeviceIDs");
    }
    return devices;
  }
}
