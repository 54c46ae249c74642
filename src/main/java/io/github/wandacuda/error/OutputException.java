package io.github.wandacuda.error;

/** The output cannot be written: space, rights, or the place itself. */
public class OutputException extends WandaException {
  private static final long serialVersionUID = 1L;

  /** Creates the failure with its one line. */
  public OutputException(String message) {
    super(message, null);
  }

  /** Creates the failure with its one line and what led to it. */
  public OutputException(String message, Throwable cause) {
    super(message, cause);
  }

  /** Creates the failure with what it is about. */
  public OutputException(ErrorDetails details) {
    super(details, null);
  }

  /** Creates the failure with what it is about and what led to it. */
  public OutputException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }

  @Override
  public int exitCode() {
    return 6;
  }
}
