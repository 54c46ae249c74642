package io.github.wandacuda.job.output;

import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.system.BackgroundWork;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.Future;

/**
 * Memory of another owner that a background thread writes from. The owner closes this before it
 * frees the memory, whether or not everything was written.
 */
public final class BorrowedMemory implements AutoCloseable {
  /** The bytes of a piece, for whose write {@link #close} may have to wait. */
  private static final long PIECE = 1 << 20;

  private final BackgroundWork background;
  private volatile Future<?> last = BackgroundWork.NOTHING;
  private volatile boolean closed;

  /**
   * Borrows no memory yet.
   *
   * @param background runs the tasks; stays the caller's
   */
  public BorrowedMemory(BackgroundWork background) {
    this.background = background;
  }

  /** Writes a piece of memory. */
  @FunctionalInterface
  public interface Writing<E extends Exception> {
    /**
     * Writes a piece.
     *
     * @param at the piece's offset in the whole memory, in bytes
     */
    public void write(long at, MemorySegment piece) throws E;
  }

  /**
   * Adds a task that uses the memory, after all tasks before it. It doesn't run if this is closed
   * by then.
   *
   * @throws RuntimeException what an earlier task threw
   */
  public synchronized void use(Runnable task) {
    background.submit(
        () -> {
          if (!closed) {
            task.run();
          }
        });
    last = background.last();
  }

  /**
   * Adds a task that writes a weight.
   *
   * @param weight all bytes of the tensor
   * @param written called on the background thread when the weight is written
   */
  public void write(ShardWriter writer, TensorInfo tensor, MemorySegment weight, Runnable written) {
    use(
        () -> {
          if (isWritten(weight, (at, piece) -> writer.write(tensor, at, piece))) {
            written.run();
          }
        });
  }

  /**
   * Writes memory piece by piece until {@link #close} is called, after which the memory may be
   * freed.
   *
   * @return whether all of it was written
   * @throws E what a write threw
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

  /**
   * Waits until all tasks are done.
   *
   * @throws RuntimeException what a write threw
   */
  public void await() {
    background.await(last);
  }

  /**
   * Ends the use of the memory, even if it isn't written. Waits for the piece that is being
   * written.
   */
  @Override
  public synchronized void close() {
    closed = true;
  }
}
