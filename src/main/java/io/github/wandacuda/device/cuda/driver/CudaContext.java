package io.github.wandacuda.device.cuda.driver;

import java.util.function.Supplier;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** A device's primary context, which any thread may make its own for the calls that follow. */
public final class CudaContext {
  private final CUdevice device;
  private final String name;
  private final Handle context = new Handle();

  private CudaContext(CUdevice device, String name) {
    this.device = device;
    this.name = name;
  }

  /**
   * Retains the primary context, once.
   *
   * @param name the device's, in messages
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

  /** Keeps the context beyond its owner's {@link #release}, for one {@code release} more. */
  public void retainAgain() {
    retain(new CUcontext());
  }

  private void retain(CUcontext handle) {
    check(JCudaDriver.cuDevicePrimaryCtxRetain(handle, device), "cuDevicePrimaryCtxRetain");
  }

  /** Lets the calling thread's next calls act on this device. */
  public void enter() {
    check(JCudaDriver.cuCtxSetCurrent(context), "cuCtxSetCurrent");
  }

  /** Does as {@link #enter}, for code that gives back what it can and can't fail. */
  public boolean tryEnter() {
    return JCudaDriver.cuCtxSetCurrent(context) == CUresult.CUDA_SUCCESS;
  }

  /** Undoes one retain. A lost device answers with its error, which helps nobody here. */
  public void release() {
    int unused = JCudaDriver.cuDevicePrimaryCtxRelease(device);
  }

  /** Fails unless a call succeeded, as {@link CudaStatus#check} does. */
  public void check(int result, String what) {
    CudaStatus.check(result, name, what);
  }

  /** Does as the other, and asks what the call was only if it failed. */
  public void check(int result, Supplier<String> what) {
    if (result != CUresult.CUDA_SUCCESS) {
      CudaStatus.check(result, name, what.get());
    }
  }
}
