package io.github.wandacuda.error;

/** A server can't be reached, or doesn't answer as it should. */
public class ConnectionException extends WandaException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the failure.
   *
   * @param details the server's address, what was expected of it and what happened
   * @param cause what the connection reported, or null
   */
  public ConnectionException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }
}
