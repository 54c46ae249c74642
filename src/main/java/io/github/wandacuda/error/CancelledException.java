package io.github.wandacuda.error;

import java.util.function.BooleanSupplier;

/** The thread that runs a job was interrupted, and the job was given up. */
public class CancelledException extends WandaException {
  private static final long serialVersionUID = 1L;
  private static final String LINE = "cancelled; nothing that looks finished was left";

  /** Creates the failure of a job that leaves nothing that looks finished. */
  public CancelledException() {
    super(LINE, null);
  }

  /**
   * Creates the failure of a job that leaves nothing that looks finished.
   *
   * @param cause the interrupt, or what it led to
   */
  public CancelledException(Throwable cause) {
    super(LINE, cause);
  }

  /**
   * Creates the failure of a job that leaves something behind.
   *
   * @param message one line that says what is left and how to go on from there
   * @param cause the interrupt, or what it led to
   */
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

  /** A call that blocks and that an interrupt ends. */
  @FunctionalInterface
  public interface Wait {
    /**
     * Blocks until its condition holds.
     *
     * @throws InterruptedException if the thread is interrupted before
     */
    void run() throws InterruptedException;
  }

  /**
   * Makes a blocking call. If it is interrupted, the thread's interrupt flag is set again.
   *
   * @param wait the call
   * @throws CancelledException if the thread is interrupted
   */
  public static void waiting(Wait wait) {
    try {
      wait.run();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancelledException(e);
    }
  }

  /**
   * Blocks until a condition holds, even if the thread is interrupted meanwhile; its interrupt flag
   * is set again afterwards.
   *
   * @param isSo the condition, asked before each wait
   * @param wait a call that returns when the condition may have changed
   */
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
