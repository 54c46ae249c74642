package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceQueue;
import io.github.wandacuda.backend.gpu.GpuForwardKernels;
import io.github.wandacuda.backend.gpu.GpuSelectKernels;
import java.lang.foreign.MemorySegment;
import org.jocl.CL;
import org.jocl.Pointer;
import org.jocl.Sizeof;
import org.jocl.cl_command_queue;
import org.jocl.cl_mem;

/** An in-order command queue. */
final class OpenClQueue implements DeviceQueue {
  private static final byte[] ZERO = new byte[1];

  private final OpenClDevice device;
  private final cl_command_queue handle;
  private final OpenClCopies copies;
  private GpuSelectKernels pruning;
  private OpenClForwardKernels forward;
  private boolean closed;

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
   * @param global work-items in each dimension
   * @param local work-items of a group in each dimension; divides {@code global}
   * @param arguments the kernel's arguments in order: a {@link DevicePointer} becomes two of them,
   *     the buffer and a 64-bit byte offset into it, and null becomes a null buffer and 0; {@link
   *     Integer}, {@link Long} and {@link Float} are passed unchanged; {@link LocalMemory} is
   *     {@code __local}
   */
  void launch(OpenClKernel kernel, long[] global, long[] local, Object... arguments) {
    synchronized (kernel) {
      KernelArguments.set(kernel, arguments);
      int status =
          CL.clEnqueueNDRangeKernel(
              handle, kernel.handle(), global.length, null, global, local, 0, null, null);
      OpenClStatus.check(status, device.name(), () -> "clEnqueueNDRangeKernel of " + kernel.name());
    }
  }

  @Override
  public void upload(
      MemorySegment host,
      long hostPitch,
      DevicePointer to,
      long devicePitch,
      long rowBytes,
      long rows) {
    copies.copy(HostCopies.Way.UPLOAD, host, hostPitch, to, devicePitch, rowBytes, rows);
  }

  @Override
  public void download(
      DevicePointer from,
      long devicePitch,
      MemorySegment host,
      long hostPitch,
      long rowBytes,
      long rows) {
    copies.copy(HostCopies.Way.DOWNLOAD, host, hostPitch, from, devicePitch, rowBytes, rows);
  }

  @Override
  public void copy(
      DevicePointer from,
      long fromPitch,
      DevicePointer to,
      long toPitch,
      long rowBytes,
      long rows) {
    copies.copyWithin(from, fromPitch, to, toPitch, rowBytes, rows);
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
    cl_mem buffer = ((OpenClBuffer) at.buffer()).handle();
    int status =
        CL.clEnqueueFillBuffer(
            handle, buffer, Pointer.to(ZERO), ZERO.length, at.offset(), bytes, 0, null, null);
    if (status != CL.CL_SUCCESS) {
      device.memory().throwFailure(status, "clEnqueueFillBuffer", bytes);
    }
  }

  @Override
  public GpuSelectKernels pruning() {
    if (pruning == null) {
      pruning = new OpenClSelectKernels(this);
    }
    return pruning;
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
    OpenClStatus.check(CL.clFinish(handle), device.name(), () -> "clFinish");
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

  /** Sets a kernel's arguments. */
  private static final class KernelArguments {
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

  /** Copies between host and device memory, and within the device. */
  private static final class OpenClCopies {
    private final OpenClDevice device;
    private final cl_command_queue queue;
    private final HostCopies host = HostCopies.ofLoader();

    OpenClCopies(OpenClDevice device, cl_command_queue queue) {
      this.device = device;
      this.queue = queue;
    }

    /** Queues a copy of rows; the other parameters are those of {@link OpenClQueue#upload}. */
    void copy(
        HostCopies.Way way,
        MemorySegment memory,
        long hostPitch,
        DevicePointer place,
        long devicePitch,
        long rowBytes,
        long rows) {
      if (rowBytes == 0 || rows == 0) {
        return;
      }
      long bytes = rowBytes * rows;
      if (rows == 1 || (hostPitch == rowBytes && devicePitch == rowBytes)) {
        int status =
            host.line(way, queue, handle(place), place.offset(), memory.asSlice(0, bytes), bytes);
        check(status, calls(way) + "Buffer", bytes);
      } else {
        long span = (rows - 1) * hostPitch + rowBytes;
        int status =
            host.rows(
                way,
                queue,
                handle(place),
                origin(place.offset(), devicePitch),
                devicePitch,
                memory.asSlice(0, span),
                hostPitch,
                new long[] {rowBytes, rows, 1});
        check(status, calls(way) + "BufferRect", bytes);
      }
      OpenClStatus.check(CL.clFlush(queue), device.name(), () -> "clFlush");
    }

    private static String calls(HostCopies.Way way) {
      return way == HostCopies.Way.UPLOAD ? "clEnqueueWrite" : "clEnqueueRead";
    }

    /** Queues a copy within the device; the parameters are {@link OpenClQueue#copy}'s. */
    void copyWithin(
        DevicePointer from,
        long fromPitch,
        DevicePointer to,
        long toPitch,
        long rowBytes,
        long rows) {
      if (rowBytes == 0 || rows == 0) {
        return;
      }
      if (rows == 1 || (fromPitch == rowBytes && toPitch == rowBytes)) {
        long bytes = rowBytes * rows;
        int status =
            CL.clEnqueueCopyBuffer(
                queue, handle(from), handle(to), from.offset(), to.offset(), bytes, 0, null, null);
        check(status, "clEnqueueCopyBuffer", bytes);
        return;
      }
      int status =
          CL.clEnqueueCopyBufferRect(
              queue,
              handle(from),
              handle(to),
              origin(from.offset(), fromPitch),
              origin(to.offset(), toPitch),
              new long[] {rowBytes, rows, 1},
              fromPitch,
              0,
              toPitch,
              0,
              0,
              null,
              null);
      check(status, "clEnqueueCopyBufferRect", rowBytes * rows);
    }

    /**
     * Returns the origin (x, y) of a rectangle that begins at byte x + y * pitch; some drivers
     * require x to be less than the pitch.
     */
    private static long[] origin(long offset, long pitch) {
      return new long[] {offset % pitch, offset / pitch, 0};
    }

    private static cl_mem handle(DevicePointer place) {
      return ((OpenClBuffer) place.buffer()).handle();
    }

    private void check(int status, String call, long bytes) {
      if (status != CL.CL_SUCCESS) {
        device.memory().throwFailure(status, call, bytes);
      }
    }
  }
}
