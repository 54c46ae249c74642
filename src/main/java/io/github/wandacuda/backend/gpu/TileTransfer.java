package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.MemorySegment;

/**
 * Moves rows of weights between host and device: directly where they lie side by side in pinned
 * memory, else by way of a buffer of its own that does.
 */
final class TileTransfer implements AutoCloseable {
  private final DeviceQueue queue;
  private final PinnedMemory pinned;
  private final StagingBuffer staging;

  TileTransfer(DeviceQueue queue, PinnedMemory pinned) {
    this.queue = queue;
    this.pinned = pinned;
    staging = new StagingBuffer(pinned);
  }

  /** Queues the way to the device; the weights stay as they are until the queue is finished. */
  void upload(WeightMatrix from, DeviceRows to) {
    long rowBytes = RowLayout.rowBytes(from);
    if (isDirect(from)) {
      queue.upload(
          from.data(), RowLayout.hostPitch(from), to.data(), to.pitch(), rowBytes, from.rows());
      return;
    }
    MemorySegment staged = staging.exactly(from.rows() * rowBytes);
    HostRows.gather(from, staged);
    queue.upload(staged, rowBytes, to.data(), to.pitch(), rowBytes, from.rows());
  }

  /** Takes the way back and waits for its end. */
  void download(DeviceRows from, WeightMatrix to) {
    long rowBytes = RowLayout.rowBytes(to);
    if (isDirect(to)) {
      queue.download(
          from.data(), from.pitch(), to.data(), RowLayout.hostPitch(to), rowBytes, to.rows());
      queue.finish();
      return;
    }
    MemorySegment staged = staging.exactly(to.rows() * rowBytes);
    queue.download(from.data(), from.pitch(), staged, rowBytes, rowBytes, to.rows());
    queue.finish();
    HostRows.scatter(staged, to);
  }

  private boolean isDirect(WeightMatrix matrix) {
    return RowLayout.isByRows(matrix) && pinned.contains(matrix.data());
  }

  @Override
  public void close() {
    staging.close();
  }
}
