package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.forward.StoredRows;
import io.github.wandacuda.forward.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** Rows in a device's memory as far as they fit, the others in pinned host memory. */
final class GpuStoredRows implements StoredRows {
  private final DeviceQueue queue;
  private final long rowBytes;
  private final ResidentChunks resident;

  /** The rows that follow the resident ones, or null if there are none. */
  private final StreamedRows streamed;

  private boolean closed;

  /**
   * Takes memory for rows.
   *
   * @param room the most bytes to take of the device's memory
   */
  GpuStoredRows(
      GpuDevice device, DeviceQueue queue, PinnedMemory pinned, long rows, int columns, long room) {
    this.queue = queue;
    rowBytes = (long) columns * Float.BYTES;
    resident = new ResidentChunks(device, queue, rowBytes, rows, room);
    long left = rows - resident.rows();
    try {
      streamed = left == 0 ? null : new StreamedRows(device, queue, pinned, left, rowBytes);
    } catch (RuntimeException e) {
      resident.close();
      throw e;
    }
  }

  /** Returns how many of {@code count} rows from a row on are resident. */
  private long residentOf(long from, long count) {
    return Math.clamp(resident.rows() - from, 0, count);
  }

  @Override
  public void read(long from, Tensor batch) {
    DevicePointer to = ((GpuTensor) batch).matrix().data();
    long here = residentOf(from, batch.rows());
    resident.read(from, here, to);
    if (here < batch.rows()) {
      long first = from + here - resident.rows();
      streamed.read(first, batch.rows() - here, to.plus(here * rowBytes));
    }
  }

  @Override
  public void write(long from, Tensor batch) {
    DevicePointer source = ((GpuTensor) batch).matrix().data();
    long here = residentOf(from, batch.rows());
    resident.write(from, here, source);
    if (here < batch.rows()) {
      long first = from + here - resident.rows();
      streamed.write(first, batch.rows() - here, source.plus(here * rowBytes));
    }
  }

  @Override
  public Optional<MemorySegment> inPlace() {
    return Optional.empty();
  }

  @Override
  public void download(long from, MemorySegment to) {
    long here = residentOf(from, to.byteSize() / rowBytes) * rowBytes;
    resident.download(from, to.asSlice(0, here));
    if (here < to.byteSize()) {
      streamed.download(from + here / rowBytes - resident.rows(), to.asSlice(here));
    }
  }

  @Override
  public void upload(MemorySegment source, long from) {
    long here = residentOf(from, source.byteSize() / rowBytes) * rowBytes;
    resident.upload(source.asSlice(0, here), from);
    if (here < source.byteSize()) {
      streamed.upload(source.asSlice(here), from + here / rowBytes - resident.rows());
    }
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
}
