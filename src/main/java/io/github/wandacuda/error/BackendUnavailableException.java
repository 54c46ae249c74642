package io.github.wandacuda.error;

/** The backend or device that was asked for cannot be used here. */
public class BackendUnavailableException extends WandaException {
  private static final long serialVersionUID = 1L;

  /** Creates the failure with its one line. */
  public BackendUnavailableException(String message) {
    super(message, null);
  }

  /** Creates the failure with its one line and what led to it. */
  public BackendUnavailableException(String message, Throwable cause) {
    super(message, cause);
  }

  /** Creates the failure with what it is about. */
  public BackendUnavailableException(ErrorDetails details) {
    super(details, null);
  }

  /** Creates the failure with what it is about and what led to it. */
  public BackendUnavailableException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }
}
