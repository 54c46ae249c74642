package io.github.wandacuda.error;

/** The backend or device that was asked for cannot be used here. */
public class BackendUnavailableException extends WandaException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the failure.
   *
   * @param message one line for the user
   */
  public BackendUnavailableException(String message) {
    super(message, null);
  }

  /**
   * Creates the failure.
   *
   * @param message one line for the user
   * @param cause what the driver or the system reported, or null
   */
  public BackendUnavailableException(String message, Throwable cause) {
    super(message, cause);
  }

  /** Creates the failure from its parts. */
  public BackendUnavailableException(ErrorDetails details) {
    super(details, null);
  }
}
