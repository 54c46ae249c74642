package io.github.wandacuda.backend.opencl;

import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jocl.CL;
import org.jocl.cl_device_id;
import org.jocl.cl_platform_id;

/**
 * What a device says about itself.
 *
 * @param name the device's name
 * @param platform the driver's name
 * @param version {@code OpenCL <major>.<minor>} and more
 * @param gpu whether it is a GPU, so that {@code auto} may take it
 * @param available whether the driver says that it is available
 * @param compiler whether the driver compiles sources
 * @param addressBits 32 or 64
 * @param floatConfig bits of {@code cl_device_fp_config} for float32
 * @param doubles whether kernels may compute in float64, which then rounds as IEEE 754 says
 * @param workGroupSize the most work-items of a group
 * @param localBytes local memory of a group
 * @param globalBytes the device's memory
 * @param largestBuffer the most bytes of one allocation
 * @param computeUnits its compute units, each of which runs one or more groups at a time
 */
record DeviceFacts(
    String name,
    String platform,
    String version,
    boolean gpu,
    boolean available,
    boolean littleEndian,
    boolean compiler,
    int addressBits,
    long floatConfig,
    boolean doubles,
    long workGroupSize,
    long localBytes,
    long globalBytes,
    long largestBuffer,
    int computeUnits) {
  /** The fewest work-items of a group that the kernels are written for. */
  static final int LEAST_GROUP = 64;

  /** Bytes of local memory that the kernels need in groups of the fewest work-items. */
  private static final long LEAST_LOCAL_BYTES = 16 << 10;

  private static final Pattern VERSION = Pattern.compile("OpenCL (\\d+)\\.(\\d+).*");
  private static final int BITS = 64;

  /**
   * Asks a driver about a device.
   *
   * @throws io.github.wandacuda.error.BackendUnavailableException if the driver fails
   */
  static DeviceFacts of(cl_platform_id platform, cl_device_id device) {
    return new DeviceFacts(
        OpenClInfo.text(device, CL.CL_DEVICE_NAME),
        OpenClInfo.text(platform, CL.CL_PLATFORM_NAME),
        OpenClInfo.text(device, CL.CL_DEVICE_VERSION),
        (OpenClInfo.wide(device, CL.CL_DEVICE_TYPE) & CL.CL_DEVICE_TYPE_GPU) != 0,
        OpenClInfo.integer(device, CL.CL_DEVICE_AVAILABLE) != 0,
        OpenClInfo.integer(device, CL.CL_DEVICE_ENDIAN_LITTLE) != 0,
        OpenClInfo.integer(device, CL.CL_DEVICE_COMPILER_AVAILABLE) != 0,
        OpenClInfo.integer(device, CL.CL_DEVICE_ADDRESS_BITS),
        OpenClInfo.wide(device, CL.CL_DEVICE_SINGLE_FP_CONFIG),
        OpenClInfo.text(device, CL.CL_DEVICE_EXTENSIONS).contains("cl_khr_fp64"),
        OpenClInfo.wide(device, CL.CL_DEVICE_MAX_WORK_GROUP_SIZE),
        OpenClInfo.wide(device, CL.CL_DEVICE_LOCAL_MEM_SIZE),
        OpenClInfo.wide(device, CL.CL_DEVICE_GLOBAL_MEM_SIZE),
        OpenClInfo.wide(device, CL.CL_DEVICE_MAX_MEM_ALLOC_SIZE),
        OpenClInfo.integer(device, CL.CL_DEVICE_MAX_COMPUTE_UNITS));
  }

  /** Returns why the kernels can't run on the device; empty if they can. */
  public Optional<String> problem() {
    if (!available) {
      return Optional.of("its driver says that it is not available");
    }
    if (!hasVersion12()) {
      return Optional.of("it offers %s, which is older than OpenCL 1.2".formatted(version));
    }
    if (!compiler) {
      return Optional.of("its driver has no compiler");
    }
    if ((floatConfig & CL.CL_FP_DENORM) == 0) {
      return Optional.of("it flushes subnormal float32 numbers to zero, which changes scores");
    }
    if (!littleEndian) {
      return Optional.of("it is big-endian");
    }
    if (addressBits != BITS) {
      return Optional.of("it has addresses of %d bits, not %d".formatted(addressBits, BITS));
    }
    if (workGroupSize < LEAST_GROUP) {
      return Optional.of(
          "its work-groups have at most %d work-items, not %d"
              .formatted(workGroupSize, LEAST_GROUP));
    }
    if (localBytes < LEAST_LOCAL_BYTES) {
      return Optional.of(
          "its work-groups have %d bytes of local memory, not %d"
              .formatted(localBytes, LEAST_LOCAL_BYTES));
    }
    return Optional.empty();
  }

  /**
   * Returns why a kernel can't run in groups that it was built for, if it can't.
   *
   * @param most the most work-items that the driver allows this kernel
   * @param kernelBytes the local memory that it takes
   */
  Optional<String> problem(int items, int most, long kernelBytes) {
    if (most < items) {
      return Optional.of("runs in groups of at most %d work-items, not %d".formatted(most, items));
    }
    if (kernelBytes > localBytes) {
      return Optional.of(
          "needs %d bytes of local memory, a group has %d".formatted(kernelBytes, localBytes));
    }
    return Optional.empty();
  }

  /** Returns the facts in which people are interested, on one line. */
  public String summary() {
    return String.format(
        Locale.ROOT,
        "%s, %s, %d compute units, %.1f GiB",
        gpu ? "GPU" : "not a GPU",
        platform,
        computeUnits,
        globalBytes / (double) (1L << 30));
  }

  /** Returns whether float32 quotients and roots can be rounded as IEEE 754 says. */
  public boolean roundsQuotients() {
    return (floatConfig & CL.CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) != 0;
  }

  private boolean hasVersion12() {
    Matcher matcher = VERSION.matcher(version);
    if (!matcher.matches()) {
      return false;
    }
    int major = Integer.parseInt(matcher.group(1));
    return major > 1 || (major == 1 && Integer.parseInt(matcher.group(2)) >= 2);
  }
}
