package io.github.wandacuda.backend.opencl;

import static io.github.wandacuda.backend.opencl.OpenClLibrary.function;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.github.wandacuda.backend.gpu.RowCopy;
import io.github.wandacuda.backend.gpu.RowCopy.Place;
import io.github.wandacuda.system.SharedLibrary;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jocl.CL;
import org.jocl.NativePointerObject;
import org.jocl.cl_command_queue;
import org.jocl.cl_mem;

/**
 * Copies between host and device memory, and within the device. Host memory is the caller's until
 * the queue is finished.
 *
 * <p>Calls that are given host memory and return before it is used go to the system's loader
 * directly. JOCL would start or wake a thread for each, which waits for the command's end to let go
 * of a buffer and outlives the queue by ten seconds; and it would be limited to 2 GiB.
 *
 * @param device names the failures
 * @param queue where copies are queued
 */
record OpenClCopies(OpenClDevice device, cl_command_queue queue) {
  private static final SharedLibrary.Function WRITE = function("clEnqueueWriteBuffer");
  private static final SharedLibrary.Function READ = function("clEnqueueReadBuffer");
  private static final SharedLibrary.Function WRITE_ROWS = function("clEnqueueWriteBufferRect");
  private static final SharedLibrary.Function READ_ROWS = function("clEnqueueReadBufferRect");
  private static final SharedLibrary.Function UNMAP = function("clEnqueueUnmapMemObject");
  private static final int NO_WAIT = 0;

  void copy(RowCopy rows) {
    if (rows.isEmpty()) {
      return;
    }
    RowCopy joined = rows.joined();
    if (joined.from().isHost()) {
      copy("clEnqueueWrite", WRITE, WRITE_ROWS, joined.from(), joined.to(), joined);
    } else if (joined.to().isHost()) {
      copy("clEnqueueRead", READ, READ_ROWS, joined.to(), joined.from(), joined);
    } else {
      copyWithin(joined);
    }
  }

  private void copy(
      String call,
      SharedLibrary.Function line,
      SharedLibrary.Function rows,
      Place host,
      Place place,
      RowCopy copy) {
    long bytes = copy.rowBytes() * copy.rows();
    MemorySegment buffer = address(OpenClMemory.handle(place.device()));
    if (copy.rows() == 1) {
      int status =
          line.call(
              address(queue),
              buffer,
              NO_WAIT,
              place.device().offset(),
              bytes,
              host.host(),
              0,
              MemorySegment.NULL,
              MemorySegment.NULL);
      check(status, call + "Buffer", bytes);
    } else {
      try (Arena arena = Arena.ofConfined()) {
        int status =
            rows.call(
                address(queue),
                buffer,
                NO_WAIT,
                arena.allocateFrom(JAVA_LONG, origin(place)),
                arena.allocateFrom(JAVA_LONG, 0, 0, 0),
                arena.allocateFrom(JAVA_LONG, region(copy)),
                place.pitch(),
                0L,
                host.pitch(),
                0L,
                host.host(),
                0,
                MemorySegment.NULL,
                MemorySegment.NULL);
        check(status, call + "BufferRect", bytes);
      }
    }
    OpenClStatus.check(CL.clFlush(queue), device.name(), () -> "clFlush");
  }

  private void copyWithin(RowCopy copy) {
    Place from = copy.from();
    Place to = copy.to();
    long bytes = copy.rowBytes() * copy.rows();
    if (copy.rows() == 1) {
      int status =
          CL.clEnqueueCopyBuffer(
              queue,
              OpenClMemory.handle(from.device()),
              OpenClMemory.handle(to.device()),
              from.device().offset(),
              to.device().offset(),
              bytes,
              0,
              null,
              null);
      check(status, "clEnqueueCopyBuffer", bytes);
      return;
    }
    int status =
        CL.clEnqueueCopyBufferRect(
            queue,
            OpenClMemory.handle(from.device()),
            OpenClMemory.handle(to.device()),
            origin(from),
            origin(to),
            region(copy),
            from.pitch(),
            0,
            to.pitch(),
            0,
            0,
            null,
            null);
    check(status, "clEnqueueCopyBufferRect", bytes);
  }

  /**
   * Returns the origin (x, y) of a rectangle that begins at byte x + y * pitch; some drivers
   * require x to be less than the pitch.
   */
  private static long[] origin(Place place) {
    long offset = place.device().offset();
    return new long[] {offset % place.pitch(), offset / place.pitch(), 0};
  }

  private static long[] region(RowCopy copy) {
    return new long[] {copy.rowBytes(), copy.rows(), 1};
  }

  private void check(int status, String call, long bytes) {
    if (status != CL.CL_SUCCESS) {
      device.memory().throwFailure(status, call, bytes);
    }
  }

  /**
   * Queues the end of a buffer's mapping.
   *
   * @param mapped the host memory to which the buffer is mapped
   * @return the call's status
   */
  static int unmap(cl_command_queue queue, cl_mem buffer, MemorySegment mapped) {
    return UNMAP.call(
        address(queue), address(buffer), mapped, 0, MemorySegment.NULL, MemorySegment.NULL);
  }

  private static MemorySegment address(NativePointerObject object) {
    return MemorySegment.ofAddress(object.getNativePointer());
  }
}
