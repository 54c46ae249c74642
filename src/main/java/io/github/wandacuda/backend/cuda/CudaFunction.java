package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.DType;
import java.util.Locale;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.JCudaDriver;

/**
 * A kernel that is loaded on a device. A block of it may have 48 KiB of shared memory, static and
 * dynamic together, and as much as the device has once {@link #allowShared} asked for that.
 */
final class CudaFunction {
  private static final int USUAL_SHARED_BYTES = 48 << 10;

  private final CudaContext context;
  private final String name;
  private final CUfunction handle;
  private final int staticBytes;
  private int dynamicBytes;

  CudaFunction(CudaContext context, String name, CUfunction handle) {
    this.context = context;
    this.name = name;
    this.handle = handle;
    int[] bytes = new int[1];
    context.check(
        JCudaDriver.cuFuncGetAttribute(
            bytes, CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, handle),
        () -> "cuFuncGetAttribute of %s".formatted(name));
    staticBytes = bytes[0];
    dynamicBytes = USUAL_SHARED_BYTES - staticBytes;
  }

  /** Returns the name of a kernel's variant for an element type. */
  static String name(String kernel, DType dtype) {
    return kernel + "_" + dtype.name().toLowerCase(Locale.ROOT);
  }

  public String name() {
    return name;
  }

  public CUfunction handle() {
    return handle;
  }

  /** Returns the bytes of shared memory of a block that the kernel's own variables take. */
  public int staticSharedBytes() {
    return staticBytes;
  }

  /**
   * Allows launches with that much dynamic shared memory, which the driver is asked for only if it
   * is more than what was allowed so far.
   *
   * @param bytes of dynamic shared memory of a block
   * @throws io.github.wandacuda.error.BackendUnavailableException if it is more than the device has
   *     beside the kernel's own variables
   */
  public synchronized void allowShared(int bytes) {
    if (bytes <= dynamicBytes) {
      return;
    }
    context.enter();
    context.check(
        JCudaDriver.cuFuncSetAttribute(
            handle, CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes),
        () -> "cuFuncSetAttribute of %s to %d bytes of shared memory".formatted(name, bytes));
    dynamicBytes = bytes;
  }
}
