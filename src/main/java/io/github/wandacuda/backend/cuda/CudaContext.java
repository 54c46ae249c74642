package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DeviceMemoryException;
import io.github.wandacuda.error.BackendUnavailableException;
import java.util.Set;
import java.util.function.Supplier;
import jcuda.driver.CUcontext;
import jcuda.driver.CUctx_flags;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** A device's primary context. Any thread may make it current for its next calls of the driver. */
final class CudaContext {
  /**
   * After one of these, every call in the context fails with the same code until it is destroyed;
   * not after CUDA_ERROR_DEVICE_UNAVAILABLE, which says that others have the device for themselves.
   */
  private static final Set<Integer> LOST =
      Set.of(
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

  private final CUdevice device;
  private final String name;
  private final Handle context = new Handle();

  /**
   * Retains the primary context.
   *
   * @param name the device's name in messages
   */
  CudaContext(CUdevice device, String name) {
    this.device = device;
    this.name = name;
    // A waiting thread yields its processor. A context that is in use already keeps its flags.
    int unused = JCudaDriver.cuDevicePrimaryCtxSetFlags(device, CUctx_flags.CU_CTX_SCHED_YIELD);
    retain(context);
  }

  /**
   * Returns whether another process has a device for itself. The driver has no query for it, so the
   * device is tried.
   */
  static boolean isTaken(CUdevice device) {
    int result = JCudaDriver.cuDevicePrimaryCtxRetain(new CUcontext(), device);
    if (result == CUresult.CUDA_SUCCESS) {
      int unused = JCudaDriver.cuDevicePrimaryCtxRelease(device);
    }
    return result == CUresult.CUDA_ERROR_DEVICE_UNAVAILABLE;
  }

  /** A context that can be read as the number it is. */
  private static final class Handle extends CUcontext {
    long value() {
      return getNativePointer();
    }
  }

  /** Returns the driver's {@code CUcontext} as a number. */
  public long handle() {
    return context.value();
  }

  /** Returns the device's name in messages. */
  public String name() {
    return name;
  }

  /** Retains the context once more, so that it is alive until another {@link #release}. */
  public void retainAgain() {
    retain(new CUcontext());
  }

  private void retain(CUcontext handle) {
    check(JCudaDriver.cuDevicePrimaryCtxRetain(handle, device), "cuDevicePrimaryCtxRetain");
  }

  /**
   * Makes the context current for the calling thread's next calls.
   *
   * @throws BackendUnavailableException if the device is lost
   */
  public void enter() {
    check(JCudaDriver.cuCtxSetCurrent(context), "cuCtxSetCurrent");
  }

  /**
   * Makes the context current as {@link #enter} does, but returns false if it fails; for code that
   * frees resources.
   */
  public boolean tryEnter() {
    return JCudaDriver.cuCtxSetCurrent(context) == CUresult.CUDA_SUCCESS;
  }

  /** Undoes one retain. The error of a lost device is ignored. */
  public void release() {
    int unused = JCudaDriver.cuDevicePrimaryCtxRelease(device);
  }

  /**
   * Checks that a call succeeded.
   *
   * @param result a {@code CUresult}
   * @param what the call, for the message
   * @throws DeviceMemoryException if memory ran out
   * @throws BackendUnavailableException for every other failure
   */
  public void check(int result, String what) {
    check(result, name, what);
  }

  /**
   * Checks that a call succeeded.
   *
   * @param result a {@code CUresult}
   * @param what the call, for the message; evaluated only if the call failed
   * @throws DeviceMemoryException if memory ran out
   * @throws BackendUnavailableException for every other failure
   */
  public void check(int result, Supplier<String> what) {
    if (result != CUresult.CUDA_SUCCESS) {
      check(result, name, what.get());
    }
  }

  /**
   * Throws unless a call of the driver succeeded.
   *
   * @param device the device's name in messages
   * @throws DeviceMemoryException if memory ran out
   * @throws BackendUnavailableException for every other failure
   */
  static void check(int result, String device, String what) {
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

  /** Returns the name of a {@code CUresult} and the driver's description of it. */
  static String describe(int result) {
    String[] text = new String[1];
    boolean known = JCudaDriver.cuGetErrorString(result, text) == CUresult.CUDA_SUCCESS;
    return CUresult.stringFor(result) + (known ? " (%s)".formatted(text[0]) : "");
  }
}
