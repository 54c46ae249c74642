package io.github.wandacuda.error;

import java.io.IOException;
import java.nio.file.Path;

/** The output cannot be written: space, rights, or the place itself. */
public class OutputException extends WandaException {
  private static final long serialVersionUID = 1L;

  /** Creates the failure with its one line. */
  public OutputException(String message) {
    super(message, null);
  }

  /** Creates the failure with its one line and what led to it. */
  public OutputException(String message, Throwable cause) {
    super(message, cause);
  }

  /** Creates the failure with what it is about. */
  public OutputException(ErrorDetails details) {
    super(details, null);
  }

  /** Creates the failure with what it is about and what led to it. */
  public OutputException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }

  /** Returns the failure of a file that can't be written, for what the system said. */
  public static OutputException unwritable(Path file, IOException e) {
    String reason = Reason.of(e);
    return new OutputException(
        ErrorDetails.file(file)
            .expected("to write it", reason)
            .said("expected to write it, found: " + reason),
        e);
  }
}
