package io.github.wandacuda.error;

/** The thread that runs a job was interrupted, so that the job was given up. */
public class CancelledException extends WandaException {
  private static final long serialVersionUID = 1L;

  /** Creates the failure with its one line. */
  public CancelledException() {
    super("cancelled; nothing that looks finished was left", null);
  }

  /** Creates the failure with a line that says what is left. */
  public CancelledException(String message) {
    super(message, null);
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

  /** That of SIGINT, which is how a person cancels. */
  @Override
  public int exitCode() {
    return 130;
  }
}
