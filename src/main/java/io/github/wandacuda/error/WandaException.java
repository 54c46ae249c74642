package io.github.wandacuda.error;

/**
 * A failure with one clear line for the user. What a file says is quoted in it, so it is made
 * printable here, whatever file it is from. A setting that a user can change is named between
 * backquotes, such as {@code `samples`}: programs know it as a parameter, the command line as an
 * option. Each kind of failure has a subclass.
 */
public abstract class WandaException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final ErrorDetails details;

  WandaException(ErrorDetails details, Throwable cause) {
    super(details.line(), cause);
    this.details = details;
  }

  WandaException(String message, Throwable cause) {
    this(ErrorDetails.NOWHERE.said(message), cause);
  }

  /**
   * Returns what the failure is about, part by part; of a failure with a message alone, only {@link
   * ErrorDetails#said} is there.
   */
  public final ErrorDetails details() {
    return details;
  }
}
