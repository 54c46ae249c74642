package io.github.wandacuda.checkpoint;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;

/** The wording of this package's messages: file, part, expected, found. */
final class Malformed {
  private Malformed() {}

  /** Returns the failure of a whole file. */
  static InputException file(Path file, String expected, String found) {
    return new InputException(
        "%s: expected %s, found %s".formatted(Printable.of(file), expected, found));
  }

  /** Returns the failure of a part of a file, such as its header. */
  static InputException part(Path file, String part, String expected, String found) {
    return new InputException(
        "%s: %s: expected %s, found %s".formatted(Printable.of(file), part, expected, found));
  }

  /** Returns the failure of a tensor. */
  static InputException tensor(Path file, String name, String expected, String found) {
    return part(file, "tensor " + Printable.of(name), expected, found);
  }

  /** Returns the failure of a file that cannot be read. */
  static InputException unreadable(Path file, String expected, IOException cause) {
    return new InputException(
        "%s: expected %s, found that it cannot be read: %s"
            .formatted(Printable.of(file), expected, reason(cause)),
        cause);
  }

  /** Returns what the system said, without the file's name, on one line. */
  static String reason(IOException e) {
    if (e instanceof NoSuchFileException) {
      return "no such file or folder";
    }
    if (e instanceof AccessDeniedException) {
      return "permission denied";
    }
    if (e instanceof NotDirectoryException) {
      return "not a folder";
    }
    String said =
        e instanceof FileSystemException system ? system.getReason() : e.getLocalizedMessage();
    return said == null ? e.getClass().getSimpleName() : Printable.of(said);
  }
}
