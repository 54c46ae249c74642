package io.github.wandacuda.cli;

import io.github.wandacuda.error.Printable;
import java.util.stream.Stream;

/** Formats text of several lines so that no value can add a line. */
final class MultilineText {
  private MultilineText() {}

  /**
   * Returns the lines of a text.
   *
   * @param format a format as for {@link String#format}; only its own line ends count
   * @param values the values; any but a number is made printable
   */
  public static Stream<String> of(String format, Object... values) {
    Object[] printable = values.clone();
    for (int index = 0; index < values.length; index++) {
      if (!(values[index] instanceof Number)) {
        printable[index] = Printable.line(String.valueOf(values[index]));
      }
    }
    return format.formatted(printable).lines();
  }
}
