package io.github.wandacuda.device.cuda;

import io.github.wandacuda.device.cuda.driver.CudaStatus;
import io.github.wandacuda.device.cuda.driver.PtxChoice;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Optional;
import jcuda.driver.CUcomputemode;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.JCudaDriver;

/**
 * What the driver tells about a device that needn't be open.
 *
 * @param index its number, as the driver counts
 * @param handle how the driver calls it
 * @param name how people do
 * @param capability the compute capability times 10
 * @param multiprocessors how many
 * @param sharedBytesPerBlock the most shared memory that a block may ask for
 * @param maximumPitch the most bytes from a row to the next in a two-dimensional copy
 * @param computeMode who may use it
 * @param totalBytes all of its memory
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

  /** Asks the driver, which has to be there. */
  static CudaDeviceInfo of(int index) {
    String device = CudaDevice.NAME + " device " + index;
    CUdevice handle = new CUdevice();
    CudaStatus.check(JCudaDriver.cuDeviceGet(handle, index), device, "cuDeviceGet");
    byte[] name = new byte[NAME_BYTES];
    CudaStatus.check(
        JCudaDriver.cuDeviceGetName(name, NAME_BYTES, handle), device, "cuDeviceGetName");
    long[] total = new long[1];
    CudaStatus.check(JCudaDriver.cuDeviceTotalMem(total, handle), device, "cuDeviceTotalMem");
    int major =
        attribute(handle, device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
    int minor =
        attribute(handle, device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    return new CudaDeviceInfo(
        index,
        handle,
        text(name),
        major * 10 + minor,
        attribute(handle, device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
        attribute(
            handle,
            device,
            CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
        attribute(handle, device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_PITCH),
        attribute(handle, device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_MODE),
        total[0]);
  }

  /** Returns why the device can't be used, or nothing where it can. */
  Optional<String> problem() {
    if (capability < PtxChoice.LOWEST) {
      return Optional.of(
          "compute capability %s is too low, the kernels need 7.5 or more"
              .formatted(capabilityText()));
    }
    if (computeMode == CUcomputemode.CU_COMPUTEMODE_PROHIBITED) {
      return Optional.of("its compute mode is prohibited (nvidia-smi -c DEFAULT allows it)");
    }
    return Optional.empty();
  }

  /** Returns what messages call it, which tells devices of one name apart. */
  String label() {
    return "%s device %d (%s)".formatted(CudaDevice.NAME, index, name);
  }

  /** Returns its memory and its compute capability, for people. */
  String summary() {
    return String.format(
        Locale.ROOT, "%.1f GiB, compute capability %s", totalBytes / GIB, capabilityText());
  }

  private String capabilityText() {
    return capability / 10 + "." + capability % 10;
  }

  private static int attribute(CUdevice handle, String device, int attribute) {
    int[] value = new int[1];
    CudaStatus.check(
        JCudaDriver.cuDeviceGetAttribute(value, attribute, handle),
        device,
        "cuDeviceGetAttribute of " + CUdevice_attribute.stringFor(attribute));
    return value[0];
  }

  private static String text(byte[] zeroTerminated) {
    int length = 0;
    while (length < zeroTerminated.length && zeroTerminated[length] != 0) {
      length++;
    }
    return new String(zeroTerminated, 0, length, StandardCharsets.UTF_8);
  }
}
