package io.github.wandacuda.error;

import java.util.function.BooleanSupplier;

/** The thread that runs a job was interrupted, so that the job was given up. */
public class CancelledException extends WandaException {
  private static final long serialVersionUID = 1L;
  private static final String LINE = "cancelled; nothing that looks finished was left";

  public CancelledException() {
    super(LINE, null);
  }

  public CancelledException(Throwable cause) {
    super(LINE, cause);
  }

  /** Creates the failure with a line that says what is left, and the state of the work. */
  public CancelledException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * Gives a job up if the current thread was interrupted. The thread stays interrupted.
   *
   * @throws CancelledException if it was
   */
  public static void throwIfInterrupted() {
    if (Thread.currentThread().isInterrupted()) {
      throw new CancelledException();
    }
  }

  /** What waits for something. */
  @FunctionalInterface
  public interface Wait {
    void run() throws InterruptedException;
  }

  /**
   * Waits. The thread stays interrupted.
   *
   * @throws CancelledException if it is interrupted
   */
  public static void waiting(Wait wait) {
    try {
      wait.run();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancelledException(e);
    }
  }

  /** Waits until something is so, however often the thread is interrupted; it stays interrupted. */
  public static void waitingUntil(BooleanSupplier isSo, Wait wait) {
    boolean interrupted = false;
    while (!isSo.getAsBoolean()) {
      try {
        wait.run();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
