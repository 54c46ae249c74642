package io.github.wandacuda.job.output;

import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.system.BackgroundWork;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.Future;

/** Memory of another owner, in use while a background thread writes what is in it. */
public final class BorrowedMemory implements AutoCloseable {
  /** What {@link #close} may have to wait for. */
  private static final long PIECE = 1 << 20;

  private final BackgroundWork background;
  private volatile Future<?> last = BackgroundWork.NOTHING;
  private volatile boolean closed;

  public BorrowedMemory(BackgroundWork background) {
    this.background = background;
  }

  /** Writes a piece of memory, which begins at an offset of the whole. */
  @FunctionalInterface
  public interface Writing<E extends Exception> {
    public void write(long at, MemorySegment piece) throws E;
  }

  /** Does a task that uses the memory after all that was to be done before, unless closed. */
  public synchronized void use(Runnable task) {
    background.submit(
        () -> {
          if (!closed) {
            task.run();
          }
        });
    last = background.last();
  }

  /** Writes a weight by such a task, and then tells so on the background thread. */
  public void write(ShardWriter writer, TensorInfo tensor, MemorySegment weight, Runnable written) {
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
  public <E extends Exception> boolean isWritten(MemorySegment memory, Writing<E> writing)
      throws E {
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
