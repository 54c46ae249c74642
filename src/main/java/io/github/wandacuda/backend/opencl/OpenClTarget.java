package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.system.SignalHandlers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import org.jocl.CL;
import org.jocl.cl_device_id;
import org.jocl.cl_platform_id;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A device of a platform, which needn't be open.
 *
 * @param platform the driver
 * @param device the driver's handle
 * @param facts what the device says about itself
 */
record OpenClTarget(cl_platform_id platform, cl_device_id device, DeviceFacts facts) {
  private static final Logger LOG = LoggerFactory.getLogger(OpenClTarget.class);

  /** The loader's result if it finds no driver (cl_khr_icd). */
  private static final int NO_PLATFORM = -1001;

  /**
   * Returns the devices of all platforms. A driver that fails, such as one whose kernel module is
   * missing, is passed over. The call loads the drivers, and with PoCL also LLVM; JOCL must be
   * loaded.
   */
  public static List<OpenClTarget> all() {
    return SignalHandlers.kept(OpenClTarget::ofAllPlatforms);
  }

  private static List<OpenClTarget> ofAllPlatforms() {
    List<OpenClTarget> targets = new ArrayList<>();
    cl_platform_id[] platforms =
        all("clGetPlatformIDs", NO_PLATFORM, cl_platform_id[]::new, CL::clGetPlatformIDs);
    for (cl_platform_id platform : platforms) {
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

  private static cl_device_id[] devices(cl_platform_id platform) {
    return all(
        "clGetDeviceIDs",
        CL.CL_DEVICE_NOT_FOUND,
        cl_device_id[]::new,
        (room, found, count) ->
            CL.clGetDeviceIDs(platform, CL.CL_DEVICE_TYPE_ALL, room, found, count));
  }

  /** One of OpenCL's functions that count what there is, or list it. */
  private interface Listing<T> {
    int list(int room, T[] found, int[] count);
  }

  /** Returns all that a function lists; its status {@code none} says that there is nothing. */
  private static <T> T[] all(String call, int none, IntFunction<T[]> array, Listing<T> listing) {
    int[] count = new int[1];
    int status = listing.list(0, null, count);
    if (status == none) {
      return array.apply(0);
    }
    OpenClStatus.check(status, call);
    T[] all = array.apply(count[0]);
    if (all.length > 0) {
      OpenClStatus.check(listing.list(all.length, all, null), call);
    }
    return all;
  }
}
