package io.github.wandacuda.cli.console;

import io.github.wandacuda.error.Printable;
import java.util.Arrays;
import java.util.stream.Stream;

/** Text of several lines, into which values are put that can't begin lines of their own. */
public final class MultilineText {
  private MultilineText() {}

  /**
   * Returns the lines of a text.
   *
   * @param format as {@link String#format} takes it, with the only line ends
   * @param values numbers as they are, all else as printable text
   */
  public static Stream<String> of(String format, Object... values) {
    Object[] printable =
        Arrays.stream(values)
            .map(value -> value instanceof Number ? value : Printable.line(String.valueOf(value)))
            .toArray();
    return format.formatted(printable).lines();
  }
}
