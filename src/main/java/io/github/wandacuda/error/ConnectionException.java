package io.github.wandacuda.error;

/** A server can't be reached, or doesn't answer as it should. */
public class ConnectionException extends WandaException {
  private static final long serialVersionUID = 1L;

  public ConnectionException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }
}
