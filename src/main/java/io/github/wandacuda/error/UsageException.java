package io.github.wandacuda.error;

/**
 * The request itself makes no sense: options that exclude each other, a pattern that matches
 * nothing.
 */
public class UsageException extends WandaException {
  private static final long serialVersionUID = 1L;

  /** Creates the failure with its one line. */
  public UsageException(String message) {
    super(message, null);
  }

  /** Creates the failure with what it is about. */
  public UsageException(ErrorDetails details) {
    super(details, null);
  }

  /** Creates the failure with what it is about and what led to it. */
  public UsageException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }
}
