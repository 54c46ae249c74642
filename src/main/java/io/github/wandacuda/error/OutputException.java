package io.github.wandacuda.error;

import java.io.IOException;
import java.nio.file.Path;

/** The output cannot be written: space, rights, or the place itself. */
public class OutputException extends WandaException {
  private static final long serialVersionUID = 1L;

  public OutputException(String message, Throwable cause) {
    super(message, cause);
  }

  public OutputException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }

  /** Returns the failure of a file that can't be written, for what the system said. */
  public static OutputException unwritable(Path file, IOException e) {
    return of(file, "to write it", e);
  }

  /** Returns the failure to do something with a file, for what the system said. */
  public static OutputException of(Path file, String expected, IOException e) {
    String reason = Printable.reason(e);
    return new OutputException(
        ErrorDetails.file(file)
            .expected(expected, reason)
            .said("expected %s, found: %s".formatted(expected, reason)),
        e);
  }

  /** What is done with a file that is written. */
  @FunctionalInterface
  public interface Work {
    void run() throws IOException;
  }

  /**
   * Does something with a file that is written.
   *
   * @throws OutputException for what the system says of it
   */
  public static void writing(Path file, Work work) {
    try {
      work.run();
    } catch (IOException e) {
      throw unwritable(file, e);
    }
  }
}
