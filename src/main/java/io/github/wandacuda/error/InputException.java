package io.github.wandacuda.error;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * A model, text or statistics file is not what it should be; the line names file, tensor, expected
 * and found. If the file is a Git LFS pointer or a web page that was downloaded in its place, the
 * line says that instead.
 */
public class InputException extends WandaException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the failure from its parts. Reads the file's first bytes to see whether it is another
   * kind of file altogether.
   */
  public InputException(ErrorDetails details) {
    super(WrongFile.explain(details), null);
  }

  /**
   * Creates the failure from its parts. Reads the file's first bytes to see whether it is another
   * kind of file altogether.
   *
   * @param cause what reading it threw, or null
   */
  public InputException(ErrorDetails details, Throwable cause) {
    super(WrongFile.explain(details), cause);
  }

  /**
   * Returns the failure of a file that the system can't read.
   *
   * @param e what the system reported; its reason becomes part of the line
   * @return the exception, for the caller to throw
   */
  public static InputException unreadable(Path file, IOException e) {
    String reason = Printable.reason(e);
    return new InputException(
        ErrorDetails.file(file)
            .expected("a file that can be read", reason)
            .said("cannot be read: " + reason),
        e);
  }

  /**
   * Returns the failure of a file that the system can't read, with what the file was to be.
   *
   * @param expected what should be there, such as "a JSON file"
   * @param e what the system reported; its reason becomes part of the line
   * @return the exception, for the caller to throw
   */
  public static InputException unreadable(Path file, String expected, IOException e) {
    return ErrorDetails.file(file)
        .wrong(expected, "that it cannot be read: " + Printable.reason(e), e);
  }

  /** Files that often lie in a file's place because of how it was downloaded. */
  private enum WrongFile {
    LFS_POINTER(
        "a Git LFS pointer to it",
        "the file itself was not downloaded: run 'git lfs pull' in its folder",
        "version https://git-lfs"),
    WEB_PAGE(
        "a web page (HTML)",
        "the page about the file was downloaded instead of the file: take the link 'download'",
        "<!doctype html",
        "<html",
        "<?xml");

    private static final int HEAD = 64;

    private final String found;
    private final String hint;
    private final String[] starts;

    WrongFile(String found, String hint, String... starts) {
      this.found = found;
      this.hint = hint;
      this.starts = starts;
    }

    /**
     * Replaces the details if the file begins as one of the known wrong files does: what else could
     * be said about its content would mislead.
     *
     * @return the details as they are, if the file is none of these or can't be read
     */
    static ErrorDetails explain(ErrorDetails details) {
      if (details.file() == null) {
        return details;
      }
      String head = head(details.file());
      for (WrongFile standIn : values()) {
        for (String start : standIn.starts) {
          if (head.startsWith(start)) {
            return new ErrorDetails(
                details.file(), null, null, "the file itself", standIn.found, null, standIn.hint);
          }
        }
      }
      return details;
    }

    /**
     * Returns the first {@link #HEAD} bytes of a file in small letters, or an empty text if they
     * can't be read.
     */
    private static String head(String name) {
      try {
        Path file = Path.of(name);
        if (!Files.isRegularFile(file)) {
          return "";
        }
        try (InputStream in = Files.newInputStream(file)) {
          return new String(in.readNBytes(HEAD), StandardCharsets.ISO_8859_1)
              .stripLeading()
              .toLowerCase(Locale.ROOT);
        }
      } catch (IOException | IllegalArgumentException e) {
        // What can't be read was the failure's cause.
        return "";
      }
    }
  }
}
