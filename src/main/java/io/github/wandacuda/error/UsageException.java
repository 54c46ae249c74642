package io.github.wandacuda.error;

/**
 * The request itself makes no sense: options that exclude each other, a pattern that matches
 * nothing.
 */
public class UsageException extends WandaException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the failure.
   *
   * @param message one line for the user
   */
  public UsageException(String message) {
    super(message, null);
  }

  /** Creates the failure from its parts. */
  public UsageException(ErrorDetails details) {
    super(details, null);
  }

  /**
   * Creates the failure from its parts.
   *
   * @param cause what reading the request threw, or null
   */
  public UsageException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }
}
