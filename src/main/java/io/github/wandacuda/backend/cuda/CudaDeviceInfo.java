package io.github.wandacuda.backend.cuda;

import java.lang.foreign.MemorySegment;
import java.util.Locale;
import java.util.Optional;
import jcuda.driver.CUcomputemode;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.JCudaDriver;

/**
 * What the driver says about a device, which needn't be open.
 *
 * @param index its number in the driver's order
 * @param handle the driver's
 * @param capability the compute capability times 10
 * @param multiprocessors the number that grids are made for
 * @param sharedBytesPerBlock the most bytes of shared memory that a block may have
 * @param maximumPitch the most bytes from a row to the next in a two-dimensional copy
 * @param computeMode the driver's compute mode, which says who may use it
 * @param totalBytes of device memory
 */
record CudaDeviceInfo(
    int index,
    CUdevice handle,
    String name,
    int capability,
    int multiprocessors,
    int sharedBytesPerBlock,
    int maximumPitch,
    int computeMode,
    long totalBytes) {
  private static final int NAME_BYTES = 256;
  private static final double GIB = 1L << 30;

  /**
   * Queries the driver, which must be loaded.
   *
   * @param most the most multiprocessors that the result has, whatever the device has
   */
  static CudaDeviceInfo of(int index, int most) {
    String device = CudaDevice.NAME + " device " + index;
    CUdevice handle = new CUdevice();
    CudaContext.check(JCudaDriver.cuDeviceGet(handle, index), device, "cuDeviceGet");
    byte[] name = new byte[NAME_BYTES];
    CudaContext.check(
        JCudaDriver.cuDeviceGetName(name, NAME_BYTES, handle), device, "cuDeviceGetName");
    long[] total = new long[1];
    CudaContext.check(JCudaDriver.cuDeviceTotalMem(total, handle), device, "cuDeviceTotalMem");
    int major =
        attribute(handle, device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
    int minor =
        attribute(handle, device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    int multiprocessors =
        attribute(handle, device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
    return new CudaDeviceInfo(
        index,
        handle,
        MemorySegment.ofArray(name).getString(0),
        major * 10 + minor,
        Math.min(multiprocessors, most),
        attribute(
            handle,
            device,
            CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
        attribute(handle, device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_PITCH),
        attribute(handle, device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_MODE),
        total[0]);
  }

  /** Returns why the device can't be used; empty if it can. */
  Optional<String> problem() {
    if (capability < CudaModules.LOWEST) {
      return Optional.of(
          "compute capability %s is too low, the kernels need 7.5 or more"
              .formatted(capabilityText()));
    }
    if (computeMode == CUcomputemode.CU_COMPUTEMODE_PROHIBITED) {
      return Optional.of("its compute mode is prohibited (nvidia-smi -c DEFAULT allows it)");
    }
    boolean exclusive = computeMode == CUcomputemode.CU_COMPUTEMODE_EXCLUSIVE_PROCESS;
    if (exclusive && CudaContext.isTaken(handle)) {
      return Optional.of("another process has it for itself, as its compute mode says");
    }
    return Optional.empty();
  }

  /** Returns its name in messages, with its number, since devices may have the same name. */
  String label() {
    return "%s device %d (%s)".formatted(CudaDevice.NAME, index, name);
  }

  String summary() {
    return String.format(
        Locale.ROOT, "%.1f GiB, compute capability %s", totalBytes / GIB, capabilityText());
  }

  private String capabilityText() {
    return capability / 10 + "." + capability % 10;
  }

  private static int attribute(CUdevice handle, String device, int attribute) {
    int[] value = new int[1];
    CudaContext.check(
        JCudaDriver.cuDeviceGetAttribute(value, attribute, handle),
        device,
        "cuDeviceGetAttribute of " + CUdevice_attribute.stringFor(attribute));
    return value[0];
  }
}
