package io.github.wandacuda.job;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import java.io.File;
import java.nio.file.Path;
import java.util.List;

/**
 * Directories as the user has named them. Other processes know them by their absolute paths, since
 * they work in directories of their own; what they say is told by the names that the user knows.
 *
 * @param directories as they were named
 */
record GivenPaths(List<Path> directories) {
  /** Takes a copy of the list. */
  public GivenPaths {
    directories = List.copyOf(directories);
  }

  /** Returns a text that begins with a file's path with the path that the user knows. */
  public String in(String text) {
    for (Path given : directories) {
      String absolute = given.toAbsolutePath().toString();
      if (text.startsWith(absolute) && endsName(text, absolute.length())) {
        return given + text.substring(absolute.length());
      }
    }
    return text;
  }

  /** Returns whether a directory's name ends there: with the text, or before a file or a colon. */
  private static boolean endsName(String text, int at) {
    return at == text.length() || text.charAt(at) == File.separatorChar || text.charAt(at) == ':';
  }

  /** Returns the same failure of the file that the user knows. */
  public InputException in(InputException failure) {
    ErrorDetails details = failure.details();
    return details.file() == null
        ? failure
        : new InputException(details.in(in(details.file())), failure);
  }
}
