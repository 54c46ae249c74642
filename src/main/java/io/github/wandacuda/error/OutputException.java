package io.github.wandacuda.error;

import java.io.IOException;
import java.nio.file.Path;

/** The output cannot be written: space, rights, or the place itself. */
public class OutputException extends WandaException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the failure.
   *
   * @param message one line for the user
   * @param cause what the system reported, or null
   */
  public OutputException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * Creates the failure from its parts.
   *
   * @param cause what the system reported, or null
   */
  public OutputException(ErrorDetails details, Throwable cause) {
    super(details, cause);
  }

  /**
   * Returns the failure of a file that the system can't write.
   *
   * @param e what the system reported; its reason becomes part of the line
   * @return the exception, for the caller to throw
   */
  public static OutputException unwritable(Path file, IOException e) {
    return of(file, "to write it", e);
  }

  /**
   * Returns the failure to do something with a file.
   *
   * @param expected what was to be done, such as "to write it"
   * @param e what the system reported; its reason becomes part of the line
   * @return the exception, for the caller to throw
   */
  public static OutputException of(Path file, String expected, IOException e) {
    String reason = Printable.reason(e);
    return new OutputException(
        ErrorDetails.file(file)
            .expected(expected, reason)
            .said("expected %s, found: %s".formatted(expected, reason)),
        e);
  }

  /** Steps that write a file and may fail as the system does. */
  @FunctionalInterface
  public interface Work {
    void run() throws IOException;
  }

  /**
   * Runs steps that write a file.
   *
   * @param file what the failure names
   * @throws OutputException if they fail, with the system's reason
   */
  public static void writing(Path file, Work work) {
    try {
      work.run();
    } catch (IOException e) {
      throw unwritable(file, e);
    }
  }
}
