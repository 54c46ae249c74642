package io.github.wandacuda.backend.cuda;

import java.util.function.Supplier;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** A device's primary context, which any thread may make current for its next calls. */
final class CudaContext {
  private final CUdevice device;
  private final String name;
  private final Handle context = new Handle();

  private CudaContext(CUdevice device, String name) {
    this.device = device;
    this.name = name;
  }

  /**
   * Retains the primary context.
   *
   * @param name the device's name in messages
   */
  public static CudaContext retain(CUdevice device, String name) {
    CudaContext retained = new CudaContext(device, name);
    retained.retain(retained.context);
    return retained;
  }

  /** A context that can be read as the number it is. */
  private static final class Handle extends CUcontext {
    long value() {
      return getNativePointer();
    }
  }

  /** Returns the {@code CUcontext}. */
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

  /** Makes the context current for the calling thread's next calls. */
  public void enter() {
    check(JCudaDriver.cuCtxSetCurrent(context), "cuCtxSetCurrent");
  }

  /**
   * Does what {@link #enter} does, but returns false if it fails; for code that frees resources.
   */
  public boolean tryEnter() {
    return JCudaDriver.cuCtxSetCurrent(context) == CUresult.CUDA_SUCCESS;
  }

  /** Undoes one retain. The error of a lost device is ignored. */
  public void release() {
    int unused = JCudaDriver.cuDevicePrimaryCtxRelease(device);
  }

  /** Throws unless a call succeeded, as {@link CudaStatus#check} does. */
  public void check(int result, String what) {
    CudaStatus.check(result, name, what);
  }

  /** Throws unless a call succeeded; {@code what} is only evaluated if it failed. */
  public void check(int result, Supplier<String> what) {
    if (result != CUresult.CUDA_SUCCESS) {
      CudaStatus.check(result, name, what.get());
    }
  }
}
