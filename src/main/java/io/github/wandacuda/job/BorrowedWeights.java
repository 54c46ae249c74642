package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.Future;

/** Pruned weights in a block's memory, in use while a background thread writes them. */
final class BorrowedWeights implements AutoCloseable {
  /** What {@link #close} may have to wait for. */
  private static final long PIECE = 1 << 20;

  private final BackgroundWork background;
  private volatile Future<?> last = BackgroundWork.NOTHING;
  private volatile boolean closed;

  BorrowedWeights(BackgroundWork background) {
    this.background = background;
  }

  /**
   * Writes a weight after all that was to be done before, and tells so on the background thread.
   */
  synchronized void write(
      ShardWriter writer, TensorInfo tensor, MemorySegment weight, Runnable written) {
    background.submit(
        () -> {
          if (write(writer, tensor, weight)) {
            written.run();
          }
        });
    last = background.last();
  }

  private boolean write(ShardWriter writer, TensorInfo tensor, MemorySegment weight) {
    for (long at = 0; at < weight.byteSize(); at += PIECE) {
      if (!write(writer, tensor, weight, at)) {
        return false;
      }
    }
    return !closed;
  }

  /** Writes a piece, unless {@link #close} was called, after which the memory may be freed. */
  private synchronized boolean write(
      ShardWriter writer, TensorInfo tensor, MemorySegment weight, long at) {
    if (!closed) {
      long bytes = Math.min(PIECE, weight.byteSize() - at);
      writer.write(tensor, at, weight.asSlice(at, bytes));
    }
    return !closed;
  }

  /** Waits until all are written; throws what a write threw. */
  public void await() {
    background.await(last);
  }

  /** Stops the use of the weights' memory, even if they aren't written. */
  @Override
  public synchronized void close() {
    closed = true;
  }
}
