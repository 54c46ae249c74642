package io.github.wandacuda.cli.console;

import io.github.wandacuda.error.ErrorDetails;
import java.util.List;
import java.util.regex.Pattern;

/** Turns the settings that failures name between backquotes into the options that set them. */
public final class OptionNames {
  /** Only these: what a file or another library says may stand between backquotes too. */
  static final List<String> SETTINGS =
      List.of(
          "backend",
          "exclude",
          "in-place",
          "include",
          "method",
          "output",
          "pattern",
          "resume",
          "samples",
          "sequence-length",
          "sparsity",
          "statistics",
          "unreached");

  private static final Pattern NAMED = Pattern.compile("`(" + String.join("|", SETTINGS) + ")`");

  private OptionNames() {}

  /** Returns a failure in the command line's words. */
  public static ErrorDetails in(ErrorDetails details) {
    return new ErrorDetails(
        details.file(),
        details.tensor(),
        in(details.part()),
        in(details.expected()),
        in(details.found()),
        in(details.said()),
        in(details.hint()));
  }

  /** Returns a text in the command line's words; null for null. */
  public static String in(String text) {
    return text == null ? null : NAMED.matcher(text).replaceAll("--$1");
  }
}
