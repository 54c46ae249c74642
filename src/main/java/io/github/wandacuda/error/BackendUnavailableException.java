package io.github.wandacuda.error;

/** The backend or device that was asked for cannot be used here. */
public class BackendUnavailableException extends WandaException {
  private static final long serialVersionUID = 1L;

  public BackendUnavailableException(String message) {
    super(message, null);
  }

  public BackendUnavailableException(String message, Throwable cause) {
    super(message, cause);
  }

  public BackendUnavailableException(ErrorDetails details) {
    super(details, null);
  }
}
