package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.gpu.DevicePointer;
import org.jocl.CL;
import org.jocl.Pointer;
import org.jocl.Sizeof;

/** Sets a kernel's arguments. */
final class KernelArguments {
  private final OpenClKernel kernel;
  private int count;

  private KernelArguments(OpenClKernel kernel) {
    this.kernel = kernel;
  }

  /** Sets all arguments; see {@link OpenClQueue#launch}. */
  static void set(OpenClKernel kernel, Object... arguments) {
    KernelArguments target = new KernelArguments(kernel);
    for (Object argument : arguments) {
      target.add(argument);
    }
  }

  private void add(Object argument) {
    if (argument == null) {
      next(Sizeof.cl_mem, null);
      next(Sizeof.cl_ulong, Pointer.to(new long[] {0}));
    } else if (argument instanceof DevicePointer pointer) {
      next(Sizeof.cl_mem, Pointer.to(((OpenClBuffer) pointer.buffer()).handle()));
      next(Sizeof.cl_ulong, Pointer.to(new long[] {pointer.offset()}));
    } else if (argument instanceof Integer value) {
      next(Sizeof.cl_int, Pointer.to(new int[] {value}));
    } else if (argument instanceof Long value) {
      next(Sizeof.cl_long, Pointer.to(new long[] {value}));
    } else if (argument instanceof Float value) {
      next(Sizeof.cl_float, Pointer.to(new float[] {value}));
    } else if (argument instanceof LocalMemory local) {
      next(local.bytes(), null);
    } else {
      throw new IllegalArgumentException("a kernel can't be given a " + argument.getClass());
    }
  }

  private void next(long bytes, Pointer value) {
    int index = count++;
    OpenClStatus.check(
        CL.clSetKernelArg(kernel.handle(), index, bytes, value),
        OpenClDevice.BACKEND,
        () -> "clSetKernelArg %d of %s".formatted(index, kernel.name()));
  }
}
