package io.github.wandacuda.cli.option;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.pruning.recipe.MethodKey;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Turns the settings that a failure's text names between backquotes into command-line options. */
public final class OptionNames {
  /** The known settings; other words in backquotes, such as a library's, are left unchanged. */
  public static final List<String> SETTINGS =
      Stream.concat(
              Stream.of(MethodKey.values()).map(MethodKey::label),
              Stream.of(
                  ("allocation backend calibration cluster data exclude family in-place include join"
                          + " masks multiple output overwrite packed part recipe report requantize"
                          + " resume samples score second-moments sequence-length statistics"
                          + " structure tasks temperature tokenizer top-p unreached")
                      .split(" ")))
          .toList();

  private static final Pattern NAMED = Pattern.compile("`(" + String.join("|", SETTINGS) + ")`");

  /** Where a hint goes on with another way out. */
  private static final Pattern WAYS = Pattern.compile("(?=; |, or )");

  private OptionNames() {}

  /**
   * Returns a failure in the words of a command that has some options: of its hint what names no
   * others, unless it names their command, or no hint.
   */
  public static ErrorDetails in(ErrorDetails details, Predicate<String> options) {
    if (details.hint() == null) {
      return in(details);
    }
    String hint =
        WAYS.splitAsStream(details.hint())
            .filter(
                way ->
                    way.contains("'wanda-cuda ")
                        || NAMED
                            .matcher(way)
                            .results()
                            .allMatch(has -> options.test(in(has.group()))))
            .collect(Collectors.joining())
            .replaceFirst("^(; |, or )", "");
    return in(details.hint(hint.isEmpty() ? null : hint));
  }

  /**
   * Returns a failure in the command line's words. What was found is left unchanged, there and in
   * the sentence that says it, since it may be the user's own text.
   */
  public static ErrorDetails in(ErrorDetails details) {
    return new ErrorDetails(
        details.file(),
        details.tensor(),
        in(details.part()),
        in(details.expected()),
        details.found(),
        inAllBut(details.said(), details.found()),
        in(details.hint()));
  }

  private static String inAllBut(String text, String found) {
    int at = text == null || found == null ? -1 : text.indexOf(found);
    return at < 0
        ? in(text)
        : in(text.substring(0, at)) + found + in(text.substring(at + found.length()));
  }

  /** Returns a text in the command line's words; null for null. */
  public static String in(String text) {
    return text == null ? null : NAMED.matcher(text).replaceAll("--$1");
  }
}
