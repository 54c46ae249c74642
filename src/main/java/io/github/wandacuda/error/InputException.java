package io.github.wandacuda.error;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A model, text or statistics file is not what it should be; the line names file, tensor, expected
 * and found.
 */
public class InputException extends WandaException {
  private static final long serialVersionUID = 1L;

  public InputException(ErrorDetails details) {
    super(WrongFile.explain(details), null);
  }

  public InputException(ErrorDetails details, Throwable cause) {
    super(WrongFile.explain(details), cause);
  }

  /** Returns the failure of a file that cannot be read, for what the system said. */
  public static InputException unreadable(Path file, IOException e) {
    String reason = Printable.reason(e);
    return new InputException(
        ErrorDetails.file(file)
            .expected("a file that can be read", reason)
            .said("cannot be read: " + reason),
        e);
  }

  /** Does the same, and says what the file was to be. */
  public static InputException unreadable(Path file, String expected, IOException e) {
    return ErrorDetails.file(file)
        .wrong(expected, "that it cannot be read: " + Printable.reason(e), e);
  }
}
