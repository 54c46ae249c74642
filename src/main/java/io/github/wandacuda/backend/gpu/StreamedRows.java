package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.backend.gpu.RowCopy.Place;
import io.github.wandacuda.system.OnFailure;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Rows in pinned host memory. While kernels work on a batch, the one that follows it comes up and
 * the one before it goes down, on queues of their own: so batches are best read in their order.
 */
final class StreamedRows implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final GpuDevice device;
  private final DeviceQueue kernels;
  private final long rows;
  private final long rowBytes;
  private final MemorySegment memory;
  private final DeviceQueue up;
  private final DeviceQueue down;
  private DeviceBuffer arriving;
  private DeviceBuffer leaving;

  /** Which rows are in {@code arriving}, or on their way there. */
  private Range ahead = Range.NONE;

  /** Covers the rows that may be on their way down. */
  private Range behind = Range.NONE;

  /**
   * Takes pinned memory, or other memory where none can be pinned.
   *
   * @param kernels the queue of all work on batches
   */
  StreamedRows(
      GpuDevice device, DeviceQueue kernels, PinnedMemory pinned, long rows, long rowBytes) {
    this.device = device;
    this.kernels = kernels;
    this.rows = rows;
    this.rowBytes = rowBytes;
    long bytes = Math.multiplyExact(rows, rowBytes);
    memory = OnFailure.close(arena::close, () -> pinned.allocate(bytes, arena));
    up = OnFailure.close(arena::close, device::queue);
    down =
        OnFailure.close(
            () -> {
              up.close();
              arena.close();
            },
            device::queue);
  }

  /** Rows from one number to below another. */
  private record Range(long from, long to) {
    static final Range NONE = new Range(0, 0);

    boolean overlaps(Range other) {
      return from < other.to && other.from < to;
    }

    Range hull(Range other) {
      return from == to ? other : new Range(Math.min(from, other.from), Math.max(to, other.to));
    }

    long count() {
      return to - from;
    }
  }

  private MemorySegment host(Range range) {
    return memory.asSlice(range.from * rowBytes, range.count() * rowBytes);
  }

  /** Queues a copy to the device, after kernels that are queued, and sends for the rows below. */
  void read(long from, long count, DevicePointer to) {
    reserve(count);
    Range wanted = new Range(from, from + count);
    if (!ahead.equals(wanted)) {
      sendFor(wanted);
    }
    long bytes = count * rowBytes;
    kernels.startAfter(up);
    kernels.copy(Place.of(arriving.at(0), bytes), Place.of(to, bytes), bytes, 1);
    long next = wanted.to < rows ? wanted.to : 0;
    sendFor(new Range(next, Math.min(rows, next + count)));
  }

  private void sendFor(Range range) {
    up.startAfter(kernels);
    if (range.overlaps(behind)) {
      up.startAfter(down);
      behind = Range.NONE;
    }
    up.upload(host(range), arriving.at(0));
    ahead = range;
  }

  /** Queues a copy from the device, after kernels that are queued. */
  void write(long from, long count, DevicePointer source) {
    reserve(count);
    Range range = new Range(from, from + count);
    if (range.overlaps(ahead)) {
      ahead = Range.NONE;
    }
    long bytes = count * rowBytes;
    kernels.startAfter(down);
    kernels.copy(Place.of(source, bytes), Place.of(leaving.at(0), bytes), bytes, 1);
    down.startAfter(kernels);
    down.download(leaving.at(0), host(range));
    behind = behind.hull(range);
  }

  /** Makes room for a batch on its way up and one on its way down. */
  private void reserve(long count) {
    long bytes = count * rowBytes;
    if (arriving != null && arriving.bytes() >= bytes) {
      return;
    }
    settle();
    free();
    arriving = device.allocate(bytes);
    leaving = device.allocate(bytes);
  }

  private void settle() {
    kernels.settle();
    up.settle();
    down.settle();
    ahead = Range.NONE;
    behind = Range.NONE;
  }

  private void free() {
    if (arriving != null) {
      arriving.close();
      arriving = null;
    }
    if (leaving != null) {
      leaving.close();
      leaving = null;
    }
  }

  void download(long from, MemorySegment to) {
    down.finish();
    to.copyFrom(memory.asSlice(from * rowBytes, to.byteSize()));
  }

  void upload(MemorySegment source, long from) {
    down.finish();
    up.finish();
    ahead = Range.NONE;
    memory.asSlice(from * rowBytes, source.byteSize()).copyFrom(source);
  }

  @Override
  public void close() {
    settle();
    up.close();
    down.close();
    free();
    arena.close();
  }
}
