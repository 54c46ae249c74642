package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.gpu.DevicePointer;
import java.lang.foreign.MemorySegment;
import org.jocl.CL;
import org.jocl.cl_command_queue;
import org.jocl.cl_mem;

/** Copies between host and device memory, and within the device. */
final class OpenClCopies {
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
