package io.github.wandacuda.error;

/**
 * A failure with one clear line for the user and an exit code of the command line. What a file says
 * is quoted in it, so it is made printable here, whoever wrote it.
 */
public abstract class WandaException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final ErrorDetails details;

  WandaException(ErrorDetails details, Throwable cause) {
    super(details.line(), cause);
    this.details = details;
  }

  WandaException(String message, Throwable cause) {
    this(ErrorDetails.saying(message), cause);
  }

  /** Returns what it is about, part by part. */
  public final ErrorDetails details() {
    return details;
  }

  /** Returns the exit code that the command line ends with. */
  public abstract int exitCode();
}
