package io.github.wandacuda.device.cuda.driver;

import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.JCudaDriver;

/** A kernel that is loaded on a device. */
public final class CudaFunction {
  private final CudaContext context;
  private final String name;
  private final CUfunction handle;
  private int sharedBytes;

  CudaFunction(CudaContext context, String name, CUfunction handle) {
    this.context = context;
    this.name = name;
    this.handle = handle;
  }

  /** Returns the kernel's name. */
  public String name() {
    return name;
  }

  public CUfunction handle() {
    return handle;
  }

  /**
   * Allows launches with more dynamic shared memory than the 48 KiB that every kernel may have. A
   * smaller size than an earlier one changes nothing.
   */
  public synchronized void allowShared(int bytes) {
    if (bytes <= sharedBytes) {
      return;
    }
    context.enter();
    context.check(
        JCudaDriver.cuFuncSetAttribute(
            handle, CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes),
        () -> "cuFuncSetAttribute of %s to %d bytes of shared memory".formatted(name, bytes));
    sharedBytes = bytes;
  }
}
