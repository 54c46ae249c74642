package io.github.wandacuda.error;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

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

  /** Returns the failure of a file that cannot be read, which says what it was to be. */
  public static InputException unreadable(Path file, String expected, IOException e) {
    return ErrorDetails.file(file)
        .wrong(expected, "that it cannot be read: " + Printable.reason(e), e);
  }

  /** What often lies in a file's place because of how it was downloaded. */
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
     * Returns what is wrong with an input file, or rather that it isn't the file at all: what else
     * would be said of it would lead nowhere.
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

    /** Returns how a file begins, in small letters, or nothing if it can't be told. */
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
