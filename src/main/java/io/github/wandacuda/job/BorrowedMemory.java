package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.Future;

/** Memory of another owner, in use while a background thread writes what is in it. */
final class BorrowedMemory implements AutoCloseable {
  /** What {@link #close} may have to wait for. */
  private static final long PIECE = 1 << 20;

  private final BackgroundWork background;
  private volatile Future<?> last = BackgroundWork.NOTHING;
  private volatile boolean closed;

  BorrowedMemory(BackgroundWork background) {
    this.background = background;
  }

  /** Writes a piece of memory, which begins at an offset of the whole. */
  @FunctionalInterface
  interface Writing<E extends Exception> {
    void write(long at, MemorySegment piece) throws E;
  }

  /** Does a task that uses the memory after all that was to be done before, unless closed. */
  synchronized void use(Runnable task) {
    background.submit(
        () -> {
          if (!closed) {
            task.run();
          }
        });
    last = background.last();
  }

  /** Writes a weight by such a task, and then tells so on the background thread. */
  void write(ShardWriter writer, TensorInfo tensor, MemorySegment weight, Runnable written) {
    use(
        () -> {
          if (isWritten(weight, (at, piece) -> writer.write(tensor, at, piece))) {
            written.run();
          }
        });
  }

  /**
   * Writes memory piece by piece, until {@link #close} is called, after which it may be freed;
   * returns whether all of it was.
   */
  <E extends Exception> boolean isWritten(MemorySegment memory, Writing<E> writing) throws E {
    for (long at = 0; at < memory.byteSize(); at += PIECE) {
      synchronized (this) {
        if (closed) {
          return false;
        }
        writing.write(at, memory.asSlice(at, Math.min(PIECE, memory.byteSize() - at)));
      }
    }
    return !closed;
  }

  /** Waits until all is written; throws what a write threw. */
  public void await() {
    background.await(last);
  }

  /** Stops the use of the memory, even if it isn't written. */
  @Override
  public synchronized void close() {
    closed = true;
  }
}
