package io.github.wandacuda.device.opencl;

import io.github.wandacuda.device.DevicePointer;
import io.github.wandacuda.device.opencl.driver.OpenClBuffer;
import io.github.wandacuda.device.opencl.driver.OpenClStatus;
import java.lang.foreign.MemorySegment;
import org.jocl.CL;
import org.jocl.Pointer;
import org.jocl.cl_command_queue;
import org.jocl.cl_mem;

/**
 * Copies between host and device memory, in pieces: JOCL takes host memory as byte buffers of at
 * most 2 GiB.
 */
final class OpenClCopies {
  private static final long PIECE_BYTES = 1L << 30;

  private final OpenClDevice device;
  private final cl_command_queue queue;

  OpenClCopies(OpenClDevice device, cl_command_queue queue) {
    this.device = device;
    this.queue = queue;
  }

  /** The direction of a copy. */
  enum Way {
    UPLOAD,
    DOWNLOAD
  }

  /** Queues a copy of rows; the other parameters are those of {@link OpenClQueue#upload}. */
  void copy(
      Way way,
      MemorySegment host,
      long hostPitch,
      DevicePointer place,
      long devicePitch,
      long rowBytes,
      long rows) {
    if (rowBytes == 0 || rows == 0) {
      return;
    }
    if (rows == 1 || (hostPitch == rowBytes && devicePitch == rowBytes)) {
      copyLine(way, host, place, rowBytes * rows);
    } else if (rowBytes > PIECE_BYTES || hostPitch > PIECE_BYTES) {
      for (long row = 0; row < rows; row++) {
        copyLine(way, host.asSlice(row * hostPitch), place.plus(row * devicePitch), rowBytes);
      }
    } else {
      copyRows(way, host, hostPitch, place, devicePitch, rowBytes, rows);
    }
    OpenClStatus.check(CL.clFlush(queue), device.name(), () -> "clFlush");
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

  private void copyLine(Way way, MemorySegment host, DevicePointer place, long bytes) {
    for (long from = 0; from < bytes; from += PIECE_BYTES) {
      long size = Math.min(PIECE_BYTES, bytes - from);
      Pointer pointer = pointer(host.asSlice(from, size));
      long at = place.offset() + from;
      if (way == Way.UPLOAD) {
        int status =
            CL.clEnqueueWriteBuffer(queue, handle(place), false, at, size, pointer, 0, null, null);
        check(status, "clEnqueueWriteBuffer", size);
      } else {
        int status =
            CL.clEnqueueReadBuffer(queue, handle(place), false, at, size, pointer, 0, null, null);
        check(status, "clEnqueueReadBuffer", size);
      }
    }
  }

  private void copyRows(
      Way way,
      MemorySegment host,
      long hostPitch,
      DevicePointer place,
      long devicePitch,
      long rowBytes,
      long rows) {
    long batch = Math.max(1, PIECE_BYTES / hostPitch);
    for (long row = 0; row < rows; row += batch) {
      long count = Math.min(batch, rows - row);
      long span = (count - 1) * hostPitch + rowBytes;
      Pointer pointer = pointer(host.asSlice(row * hostPitch, span));
      long[] deviceOrigin = origin(place.offset() + row * devicePitch, devicePitch);
      long[] region = {rowBytes, count, 1};
      if (way == Way.UPLOAD) {
        int status =
            CL.clEnqueueWriteBufferRect(
                queue,
                handle(place),
                false,
                deviceOrigin,
                new long[3],
                region,
                devicePitch,
                0,
                hostPitch,
                0,
                pointer,
                0,
                null,
                null);
        check(status, "clEnqueueWriteBufferRect", rowBytes * count);
      } else {
        int status =
            CL.clEnqueueReadBufferRect(
                queue,
                handle(place),
                false,
                deviceOrigin,
                new long[3],
                region,
                devicePitch,
                0,
                hostPitch,
                0,
                pointer,
                0,
                null,
                null);
        check(status, "clEnqueueReadBufferRect", rowBytes * count);
      }
    }
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

  private static Pointer pointer(MemorySegment host) {
    return Pointer.to(host.asByteBuffer());
  }

  private void check(int status, String call, long bytes) {
    if (status != CL.CL_SUCCESS) {
      device.memory().throwFailure(status, call, bytes);
    }
  }
}
