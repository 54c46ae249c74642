package io.github.wandacuda.error;

/**
 * The request itself makes no sense: options that exclude each other, a pattern that matches
 * nothing.
 */
public class UsageException extends WandaException {
  private static final long serialVersionUID = 1L;

  public UsageException(String message) {
    super(message, null);
  }

  public UsageException(ErrorDetails details) {
    super(details, null);
  }

  public UsageException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }
}
