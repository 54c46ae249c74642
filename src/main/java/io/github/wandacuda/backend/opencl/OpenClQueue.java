package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceQueue;
import io.github.wandacuda.backend.gpu.GpuForwardKernels;
import io.github.wandacuda.backend.gpu.GpuSelectKernels;
import io.github.wandacuda.backend.gpu.RowCopy;
import java.util.Arrays;
import java.util.function.Supplier;
import org.jocl.CL;
import org.jocl.Pointer;
import org.jocl.Sizeof;
import org.jocl.cl_command_queue;
import org.jocl.cl_mem;

/** An in-order command queue. */
final class OpenClQueue implements DeviceQueue {
  private static final byte[] ZERO = new byte[1];

  /** Work-items of a group that share a row where several rows have one group. */
  private static final int LANES = 16;

  /** The most groups in dimension 1, which every device allows. */
  private static final int MOST_ROWS = 1 << 15;

  private final OpenClDevice device;
  private final cl_command_queue handle;
  private final OpenClCopies copies;
  private OpenClForwardKernels forward;
  private boolean closed;
  private Supplier<String> launched = () -> "no launch";

  OpenClQueue(OpenClDevice device, cl_command_queue handle) {
    this.device = device;
    this.handle = handle;
    this.copies = new OpenClCopies(device, handle);
  }

  OpenClDevice device() {
    return device;
  }

  /**
   * Queues a kernel.
   *
   * @param kernel locked while its arguments are set and it is queued
   * @param global work-items in each dimension
   * @param local work-items of a group in each dimension; divides {@code global}
   * @param arguments the kernel's arguments in order: a {@link DevicePointer} becomes two of them,
   *     the buffer and a 64-bit byte offset into it, and null becomes a null buffer and 0; {@link
   *     Integer}, {@link Long} and {@link Float} are passed unchanged; {@link LocalMemory} is
   *     {@code __local}
   */
  void launch(OpenClKernel kernel, long[] global, long[] local, Object... arguments) {
    launched = () -> "clEnqueueNDRangeKernel of " + kernel.name() + " x " + Arrays.toString(global);
    synchronized (kernel) {
      setArguments(kernel, arguments);
      int status =
          CL.clEnqueueNDRangeKernel(
              handle, kernel.handle(), global.length, null, global, local, 0, null, null);
      OpenClStatus.check(status, device.name(), launched);
    }
  }

  private static void setArguments(OpenClKernel kernel, Object... arguments) {
    int index = 0;
    for (Object argument : arguments) {
      switch (argument) {
        case null -> {
          set(kernel, index++, Sizeof.cl_mem, null);
          set(kernel, index++, Sizeof.cl_ulong, Pointer.to(new long[] {0}));
        }
        case DevicePointer pointer -> {
          set(kernel, index++, Sizeof.cl_mem, Pointer.to(OpenClMemory.handle(pointer)));
          set(kernel, index++, Sizeof.cl_ulong, Pointer.to(new long[] {pointer.offset()}));
        }
        case Integer value -> set(kernel, index++, Sizeof.cl_int, Pointer.to(new int[] {value}));
        case Long value -> set(kernel, index++, Sizeof.cl_long, Pointer.to(new long[] {value}));
        case Float value -> set(kernel, index++, Sizeof.cl_float, Pointer.to(new float[] {value}));
        case Double value ->
            set(kernel, index++, Sizeof.cl_double, Pointer.to(new double[] {value}));
        case LocalMemory local -> set(kernel, index++, local.bytes(), null);
        default ->
            throw new IllegalArgumentException("a kernel can't be given a " + argument.getClass());
      }
    }
  }

  private static void set(OpenClKernel kernel, int index, long bytes, Pointer value) {
    OpenClStatus.check(
        CL.clSetKernelArg(kernel.handle(), index, bytes, value),
        OpenClDevice.BACKEND,
        () -> "clSetKernelArg %d of %s".formatted(index, kernel.name()));
  }

  private static long up(long count, int multiple) {
    return Math.ceilDiv(count, multiple) * multiple;
  }

  /** Queues a kernel with a work-item for each of {@code count} elements, 1 or more. */
  void elements(OpenClKernel kernel, long count, Object... arguments) {
    int items = kernel.items();
    launch(kernel, new long[] {up(count, items)}, new long[] {items}, arguments);
  }

  /**
   * Queues a kernel with a work-item for each column, and rows in dimension 1; if there are too
   * many rows, a work-item takes several. Does nothing for an empty matrix.
   */
  void columns(OpenClKernel kernel, int columns, int rows, Object... arguments) {
    if (columns > 0 && rows > 0) {
      int items = kernel.items();
      long[] global = {up(columns, items), Math.min(rows, MOST_ROWS)};
      launch(kernel, global, new long[] {items, 1}, arguments);
    }
  }

  /** Queues a kernel with 16 work-items for each row, 1 or more, several rows to a group. */
  void rows(OpenClKernel kernel, int rows, Object... arguments) {
    int together = kernel.items() / LANES;
    long[] global = {LANES, up(rows, together)};
    launch(kernel, global, new long[] {LANES, together}, arguments);
  }

  @Override
  public void copy(RowCopy copy) {
    copies.copy(copy);
  }

  @Override
  public void startAfter(long callerQueue) {
    device.startAfter(callerQueue, handle);
  }

  @Override
  public void startAfter(DeviceQueue other) {
    device.startAfter(((OpenClQueue) other).handle, handle);
  }

  @Override
  public void clear(DevicePointer at, long bytes) {
    if (bytes == 0) {
      return;
    }
    cl_mem buffer = OpenClMemory.handle(at);
    int status =
        CL.clEnqueueFillBuffer(
            handle, buffer, Pointer.to(ZERO), ZERO.length, at.offset(), bytes, 0, null, null);
    if (status != CL.CL_SUCCESS) {
      device.memory().throwFailure(status, "clEnqueueFillBuffer", bytes);
    }
  }

  @Override
  public GpuSelectKernels pruning() {
    return new OpenClSelectKernels(this);
  }

  @Override
  public GpuForwardKernels forward() {
    if (forward == null) {
      forward = new OpenClForwardKernels(this);
    }
    return forward;
  }

  @Override
  public void finish() {
    OpenClStatus.check(
        CL.clFinish(handle), device.name(), () -> "clFinish after " + launched.get());
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    OpenClStatus.note(CL.clFinish(handle), "clFinish");
    if (forward != null) {
      forward.close();
    }
    OpenClStatus.note(CL.clReleaseCommandQueue(handle), "clReleaseCommandQueue");
  }

  /**
   * A {@code __local} argument of a kernel, whose size is chosen at the launch.
   *
   * @param bytes its size in bytes, 1 or more
   */
  record LocalMemory(long bytes) {}
}
