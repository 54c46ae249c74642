package io.github.wandacuda.backend.opencl;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.github.wandacuda.backend.gpu.NativeFunction;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import org.jocl.NativePointerObject;
import org.jocl.cl_command_queue;
import org.jocl.cl_mem;

/**
 * OpenCL's calls that are given host memory and don't wait for its use. Through JOCL each would
 * start a thread, or wake one, that waits for the command's end to let go of a buffer, and that
 * outlives the queue by ten seconds; and it would be limited to 2 GiB. Host memory is the caller's
 * until the queue is finished.
 */
final class HostCopies {
  private static final int NO_WAIT = 0;

  private final NativeFunction write;
  private final NativeFunction read;
  private final NativeFunction writeRows;
  private final NativeFunction readRows;
  private final NativeFunction unmap;

  /** The direction of a copy. */
  public enum Way {
    UPLOAD,
    DOWNLOAD
  }

  private HostCopies(SymbolLookup library) {
    write = line(library, "clEnqueueWriteBuffer");
    read = line(library, "clEnqueueReadBuffer");
    writeRows = rows(library, "clEnqueueWriteBufferRect");
    readRows = rows(library, "clEnqueueReadBufferRect");
    unmap =
        new NativeFunction(
            library,
            "OpenCL",
            "clEnqueueUnmapMemObject",
            ADDRESS,
            ADDRESS,
            ADDRESS,
            JAVA_INT,
            ADDRESS,
            ADDRESS);
  }

  /** The functions, which are found once. */
  private static final class Found {
    static final HostCopies COPIES = new HostCopies(OpenClLibrary.functions());

    private Found() {}
  }

  /** Returns the system's loader's functions; {@link OpenClLibrary#problem} found no problem. */
  public static HostCopies ofLoader() {
    return Found.COPIES;
  }

  private static NativeFunction line(SymbolLookup library, String name) {
    return new NativeFunction(
        library, "OpenCL", name, ADDRESS, ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG, ADDRESS,
        JAVA_INT, ADDRESS, ADDRESS);
  }

  private static NativeFunction rows(SymbolLookup library, String name) {
    return new NativeFunction(
        library, "OpenCL", name, ADDRESS, ADDRESS, JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG,
        JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_INT, ADDRESS, ADDRESS);
  }

  /** Queues a copy of bytes that lie side by side; returns the call's status. */
  public int line(
      Way way, cl_command_queue queue, cl_mem buffer, long at, MemorySegment host, long bytes) {
    NativeFunction copy = way == Way.UPLOAD ? write : read;
    return copy.call(
        address(queue),
        address(buffer),
        NO_WAIT,
        at,
        bytes,
        host,
        0,
        MemorySegment.NULL,
        MemorySegment.NULL);
  }

  /**
   * Queues a copy of rows; returns the call's status.
   *
   * @param origin where the first row begins: a byte of a pitch, a multiple of the pitch, and 0
   * @param region bytes of a row, rows, and 1
   */
  public int rows(
      Way way,
      cl_command_queue queue,
      cl_mem buffer,
      long[] origin,
      long pitch,
      MemorySegment host,
      long hostPitch,
      long[] region) {
    NativeFunction copy = way == Way.UPLOAD ? writeRows : readRows;
    try (Arena arena = Arena.ofConfined()) {
      return copy.call(
          address(queue),
          address(buffer),
          NO_WAIT,
          arena.allocateFrom(JAVA_LONG, origin),
          arena.allocateFrom(JAVA_LONG, 0, 0, 0),
          arena.allocateFrom(JAVA_LONG, region),
          pitch,
          0L,
          hostPitch,
          0L,
          host,
          0,
          MemorySegment.NULL,
          MemorySegment.NULL);
    }
  }

  /** Queues the end of a buffer's mapping; returns the call's status. */
  int unmap(cl_command_queue queue, cl_mem buffer, MemorySegment mapped) {
    return unmap.call(
        address(queue), address(buffer), mapped, 0, MemorySegment.NULL, MemorySegment.NULL);
  }

  private static MemorySegment address(NativePointerObject object) {
    return MemorySegment.ofAddress(object.getNativePointer());
  }
}
