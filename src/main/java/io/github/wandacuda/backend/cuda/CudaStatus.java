package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DeviceMemoryException;
import io.github.wandacuda.error.BackendUnavailableException;
import java.util.Set;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** The meaning of the driver's result codes. */
final class CudaStatus {
  /**
   * After one of these, every call in the context fails with the same code until it is destroyed.
   */
  private static final Set<Integer> LOST =
      Set.of(
          CUresult.CUDA_ERROR_DEVICE_UNAVAILABLE,
          CUresult.CUDA_ERROR_ECC_UNCORRECTABLE,
          CUresult.CUDA_ERROR_NVLINK_UNCORRECTABLE,
          CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
          CUresult.CUDA_ERROR_LAUNCH_TIMEOUT,
          CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED,
          CUresult.CUDA_ERROR_ASSERT,
          CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR,
          CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION,
          CUresult.CUDA_ERROR_MISALIGNED_ADDRESS,
          CUresult.CUDA_ERROR_INVALID_ADDRESS_SPACE,
          CUresult.CUDA_ERROR_INVALID_PC,
          CUresult.CUDA_ERROR_LAUNCH_FAILED,
          CUresult.CUDA_ERROR_UNKNOWN);

  private CudaStatus() {}

  /**
   * Throws unless a call of the driver succeeded.
   *
   * @param result the call's result
   * @param device the device's name in messages
   * @param what the call's name, perhaps with its arguments
   * @throws DeviceMemoryException if memory ran out
   * @throws BackendUnavailableException for every other failure
   */
  public static void check(int result, String device, String what) {
    if (result == CUresult.CUDA_SUCCESS) {
      return;
    }
    if (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
      throw new DeviceMemoryException("%s: %s: %s".formatted(device, what, describe(result)));
    }
    String how = LOST.contains(result) ? "the device was lost, as seen by " : "failed: ";
    throw new BackendUnavailableException(
        "%s: %s%s: %s".formatted(device, how, what, describe(result)));
  }

  /** Returns an error's name with the driver's description. */
  public static String describe(int result) {
    String[] text = new String[1];
    boolean known = JCudaDriver.cuGetErrorString(result, text) == CUresult.CUDA_SUCCESS;
    return CUresult.stringFor(result) + (known ? " (%s)".formatted(text[0]) : "");
  }
}
