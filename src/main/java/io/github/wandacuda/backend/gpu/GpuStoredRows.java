package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.forward.StoredRows;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.system.OnFailure;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Rows that are stored in a device's memory as far as they fit, and the others in pinned host
 * memory.
 */
final class GpuStoredRows implements StoredRows {
  private final DeviceQueue queue;
  private final long rowBytes;
  private final ResidentChunks resident;

  /** The rows that follow the resident ones, or null if there are none. */
  private final StreamedRows streamed;

  private boolean closed;

  /**
   * Allocates memory for rows.
   *
   * @param queue where kernels that use the rows are queued; stays the caller's
   * @param pinned allocates host memory for the rows that don't fit
   * @param rows how many, all of them float32 [columns]
   * @param room the most bytes to take of the device's memory
   */
  GpuStoredRows(
      GpuDevice device, DeviceQueue queue, PinnedMemory pinned, long rows, int columns, long room) {
    this.queue = queue;
    rowBytes = (long) columns * Float.BYTES;
    resident = new ResidentChunks(device, rowBytes, rows, room);
    long left = rows - resident.rows();
    streamed =
        OnFailure.close(
            resident::close,
            () -> left == 0 ? null : new StreamedRows(device, queue, pinned, left, rowBytes));
  }

  /**
   * Divides rows into those on the device and those in host memory that follow them.
   *
   * @param here work on the first ones, called for each buffer
   * @param there work on the others
   */
  private void split(long from, long count, ResidentChunks.PieceWork here, StreamedWork there) {
    long near = Math.clamp(resident.rows() - from, 0, count);
    resident.forEachPiece(from, near, here);
    if (near < count) {
      there.on(from + near - resident.rows(), count - near, near * rowBytes);
    }
  }

  /** Work on rows in host memory. */
  @FunctionalInterface
  private interface StreamedWork {
    /**
     * Does or queues the work.
     *
     * @param from the first row's number among those in host memory
     * @param count how many rows
     * @param done bytes of the rows before these that are on the device
     */
    void on(long from, long count, long done);
  }

  @Override
  public void read(long from, Tensor batch) {
    DevicePointer to = ((GpuTensor) batch).matrix().data();
    split(
        from,
        batch.rows(),
        (place, done, bytes) -> queue.copy(place, to.plus(done), bytes),
        (first, count, done) -> streamed.read(first, count, to.plus(done)));
  }

  @Override
  public void write(long from, Tensor batch) {
    DevicePointer source = ((GpuTensor) batch).matrix().data();
    split(
        from,
        batch.rows(),
        (place, done, bytes) -> queue.copy(source.plus(done), place, bytes),
        (first, count, done) -> streamed.write(first, count, source.plus(done)));
  }

  @Override
  public Optional<MemorySegment> inPlace() {
    return Optional.empty();
  }

  @Override
  public void download(long from, MemorySegment to) {
    queue.complete(
        () ->
            split(
                from,
                to.byteSize() / rowBytes,
                (place, done, bytes) -> queue.download(place, to.asSlice(done, bytes)),
                (first, count, done) -> streamed.download(first, to.asSlice(done))));
  }

  @Override
  public void upload(MemorySegment source, long from) {
    queue.complete(
        () ->
            split(
                from,
                source.byteSize() / rowBytes,
                (place, done, bytes) -> queue.upload(source.asSlice(done, bytes), place),
                (first, count, done) -> streamed.upload(source.asSlice(done), first)));
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    queue.settle();
    resident.close();
    if (streamed != null) {
      streamed.close();
    }
  }

  /**
   * Rows in a device's memory, in buffers of 256 MiB or less, since drivers limit the size of one.
   */
  static final class ResidentChunks implements AutoCloseable {
    private static final long CHUNK_BYTES = 256 << 20;

    private final long rowBytes;
    private final long chunkRows;
    private final List<DeviceBuffer> chunks = new ArrayList<>();
    private long rows;

    /**
     * Allocates memory for rows, or for as many of them as there is room for; never fails for lack
     * of memory.
     *
     * @param wanted how many rows
     * @param room the most bytes to take
     */
    ResidentChunks(GpuDevice device, long rowBytes, long wanted, long room) {
      this.rowBytes = rowBytes;
      chunkRows = Math.max(1, Math.min(CHUNK_BYTES, device.largestBuffer()) / rowBytes);
      long fitting = fitting(room, rowBytes, wanted);
      try {
        while (rows < fitting) {
          long more = Math.min(chunkRows, fitting - rows);
          chunks.add(device.memory().allocate(more * rowBytes));
          rows += more;
        }
      } catch (DeviceMemoryException e) {
        // It has less memory than it said: these rows are what there is room for.
      } catch (RuntimeException e) {
        close();
        throw e;
      }
    }

    /** Returns how many rows fit in a room of bytes, at most those that are wanted. */
    static long fitting(long room, long rowBytes, long wanted) {
      return rowBytes == 0 ? wanted : Math.clamp(room / rowBytes, 0, wanted);
    }

    /** Returns how many rows there is memory for. */
    long rows() {
      return rows;
    }

    /** Work on rows that lie side by side in one buffer. */
    @FunctionalInterface
    interface PieceWork {
      /**
       * Queues the work.
       *
       * @param place where the first row is
       * @param done bytes of the rows before it
       * @param bytes of these rows
       */
      void on(DevicePointer place, long done, long bytes);
    }

    /**
     * Queues work on consecutive rows, once for each buffer that has some of them.
     *
     * @param from the first row's number
     * @param work called in the rows' order
     */
    void forEachPiece(long from, long count, PieceWork work) {
      for (long done = 0; done < count; ) {
        long row = from + done;
        long piece = Math.min(count - done, chunkRows - row % chunkRows);
        DevicePointer place = chunks.get((int) (row / chunkRows)).at(row % chunkRows * rowBytes);
        work.on(place, done * rowBytes, piece * rowBytes);
        done += piece;
      }
    }

    /** Frees the memory; the queue must be finished. */
    @Override
    public void close() {
      chunks.forEach(DeviceBuffer::close);
      chunks.clear();
    }
  }

  /**
   * Rows in pinned host memory. While kernels work on a batch, the next batch is uploaded and the
   * one before it downloaded, on queues of their own. So batches are best read in their order.
   */
  static final class StreamedRows implements AutoCloseable {
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

    /** The rows that are in {@code arriving}, or whose upload is queued. */
    private Range ahead = Range.NONE;

    /** A range that contains all rows whose download may be under way. */
    private Range behind = Range.NONE;

    /**
     * Allocates pinned memory, or other memory if no more can be pinned.
     *
     * @param kernels the queue of all work on batches; stays the caller's
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

    /**
     * Queues a copy of rows to the device, after the kernels that are queued, and begins to upload
     * the rows that follow.
     *
     * @param count how many rows, 1 or more
     */
    void read(long from, long count, DevicePointer to) {
      reserve(count);
      Range wanted = new Range(from, from + count);
      if (!ahead.equals(wanted)) {
        sendFor(wanted);
      }
      kernels.startAfter(up);
      kernels.copy(arriving.at(0), to, count * rowBytes);
      long next = wanted.to < rows ? wanted.to : 0;
      sendFor(new Range(next, Math.min(rows, next + count)));
    }

    /** Queues the upload of rows, after the download of rows among them. */
    private void sendFor(Range range) {
      up.startAfter(kernels);
      if (range.overlaps(behind)) {
        up.startAfter(down);
        behind = Range.NONE;
      }
      up.upload(host(range), arriving.at(0));
      ahead = range;
    }

    /** Queues a copy of rows from the device, after the kernels that are queued. */
    void write(long from, long count, DevicePointer source) {
      reserve(count);
      Range range = new Range(from, from + count);
      if (range.overlaps(ahead)) {
        ahead = Range.NONE;
      }
      kernels.startAfter(down);
      kernels.copy(source, leaving.at(0), count * rowBytes);
      down.startAfter(kernels);
      down.download(leaving.at(0), host(range));
      behind = behind.hull(range);
    }

    /** Allocates device memory for a batch that is uploaded and one that is downloaded. */
    private void reserve(long count) {
      long bytes = count * rowBytes;
      if (arriving != null && arriving.bytes() >= bytes) {
        return;
      }
      settle();
      free();
      arriving = device.memory().allocate(bytes);
      leaving = device.memory().allocate(bytes);
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

    /** Copies rows to host memory, after their downloads. */
    void download(long from, MemorySegment to) {
      down.finish();
      to.copyFrom(memory.asSlice(from * rowBytes, to.byteSize()));
    }

    /** Replaces rows, after all copies of them. */
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
}
