package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.backend.gpu.DeviceRows;
import java.util.HashMap;
import java.util.Map;
import org.jocl.CL;
import org.jocl.cl_command_queue;
import org.jocl.cl_context;
import org.jocl.cl_event;
import org.jocl.cl_mem;

/**
 * Memory and queues that the program around this library made. Memory belongs to the context that
 * it was made in, so this keeps a device over each such context, with kernels that are built for
 * it.
 */
final class OpenClCallerMemory implements AutoCloseable {
  private final OpenClDevice device;
  private final OpenClHandles handles;
  private final Map<cl_context, OpenClDevice> others = new HashMap<>();

  OpenClCallerMemory(OpenClDevice device, OpenClHandles handles) {
    this.device = device;
    this.handles = handles;
  }

  /** As {@link io.github.wandacuda.backend.gpu.GpuDevice#reaching}. */
  synchronized OpenClDevice reaching(DeviceMatrix matrix) {
    cl_command_queue queue = handles.queue(matrix.queue());
    if (!OpenClHandles.deviceOf(queue).equals(device.id())) {
      throw new IllegalArgumentException(
          "queue: expected one of %s, found one of another device".formatted(device.name()));
    }
    cl_context context = OpenClHandles.contextOf(queue);
    return context.equals(device.context())
        ? device
        : others.computeIfAbsent(context, device::over);
  }

  /** As {@link io.github.wandacuda.backend.gpu.GpuDevice#view}. */
  DeviceRows view(DeviceMatrix matrix) {
    cl_mem memory = handles.memory(matrix.memory());
    if (!OpenClHandles.contextOf(memory).equals(device.context())) {
      throw new IllegalArgumentException(
          "memory: expected a cl_mem of the queue's context, found one of another context");
    }
    if (!OpenClHandles.isBuffer(memory)) {
      throw new IllegalArgumentException("memory: expected a buffer, found an image");
    }
    long bytes = OpenClHandles.bytesOf(memory);
    if (matrix.span() > bytes - matrix.byteOffset()) {
      throw new IllegalArgumentException(
          "memory: the matrix needs %d bytes from byte %d on, the buffer has %d"
              .formatted(matrix.span(), matrix.byteOffset(), bytes));
    }
    return new DeviceRows(
        device.memory().view(memory, bytes).at(matrix.byteOffset()),
        matrix.dtype(),
        matrix.rows(),
        matrix.columns(),
        matrix.rowStride());
  }

  /** Lets {@code own} wait for what is queued on a caller's queue so far, which is set off. */
  void startAfter(long callerQueue, cl_command_queue own) {
    cl_command_queue queue = handles.queue(callerQueue);
    if (!OpenClHandles.contextOf(queue).equals(device.context())) {
      throw new IllegalArgumentException(
          "queue: expected one of the memory's context, found one of another context");
    }
    startAfter(queue, own);
  }

  /** Lets {@code own} wait for what is queued on a queue so far, which is set off. */
  void startAfter(cl_command_queue queue, cl_command_queue own) {
    cl_event[] done = {new cl_event()};
    check(CL.clEnqueueMarkerWithWaitList(queue, 0, null, done[0]), "clEnqueueMarkerWithWaitList");
    try {
      check(CL.clFlush(queue), "clFlush");
      check(CL.clEnqueueBarrierWithWaitList(own, 1, done, null), "clEnqueueBarrierWithWaitList");
    } finally {
      OpenClStatus.note(CL.clReleaseEvent(done[0]), "clReleaseEvent");
    }
  }

  private void check(int status, String call) {
    OpenClStatus.check(status, device.name(), () -> call);
  }

  @Override
  public synchronized void close() {
    others.values().forEach(OpenClDevice::close);
    others.clear();
  }
}
