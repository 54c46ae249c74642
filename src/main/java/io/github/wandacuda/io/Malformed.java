package io.github.wandacuda.io;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Reason;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Makes the exceptions for files that break their format: the file, the part, what was expected and
 * what was found.
 */
public final class Malformed {
  private Malformed() {}

  /** Returns the failure of a whole file. */
  public static InputException file(Path file, String expected, String found) {
    return ErrorDetails.file(file).wrong(expected, found);
  }

  /** Returns the failure of a part of a file, such as its header. */
  public static InputException part(Path file, String part, String expected, String found) {
    return ErrorDetails.file(file).part(part).wrong(expected, found);
  }

  /** Returns the failure of a tensor. */
  public static InputException tensor(Path file, String name, String expected, String found) {
    return ErrorDetails.file(file).tensor(name).wrong(expected, found);
  }

  /** Returns the failure of a file that ends too early, as a broken download does. */
  public static InputException cut(ErrorDetails place, String expected, String found) {
    return place.hint("it was cut short: copy or download it again").wrong(expected, found);
  }

  /** Returns the failure of a file that cannot be read. */
  public static InputException unreadable(Path file, String expected, IOException cause) {
    return ErrorDetails.file(file)
        .wrong(expected, "that it cannot be read: " + Reason.of(cause), cause);
  }
}
