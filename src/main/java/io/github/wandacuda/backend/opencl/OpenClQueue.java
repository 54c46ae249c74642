package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceQueue;
import io.github.wandacuda.backend.gpu.GpuForwardKernels;
import io.github.wandacuda.backend.gpu.GpuSelectKernels;
import java.lang.foreign.MemorySegment;
import org.jocl.CL;
import org.jocl.Pointer;
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
}
