package io.github.wandacuda.report;

import io.github.wandacuda.error.Printable;
import io.github.wandacuda.job.record.Verdict;
import java.util.OptionalDouble;
import java.util.stream.Collectors;

/** Text and numbers as HTML. */
final class HtmlText {
  /** Stands in the place of a number that wasn't measured. */
  static final String NOT_MEASURED = "–";

  /** Stands for a number that overflowed, as the perplexity of a ruined model does. */
  static final String TOO_LARGE = "too large";

  private HtmlText() {}

  /**
   * Returns text with its special characters escaped, for an element or a quoted attribute; cut if
   * it is long, since it may come from a file.
   */
  static String escaped(String text) {
    return entities(Printable.of(text));
  }

  /** Returns a text of this program with its special characters escaped, whatever its length. */
  private static String whole(String text) {
    return entities(Printable.line(text));
  }

  private static String entities(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;")
        .replace("'", "&#39;");
  }

  /**
   * Returns a text of several lines, such as a model writes, with its special characters escaped
   * and its line breaks kept.
   */
  static String lines(String text) {
    return text.replace('\t', ' ').lines().map(HtmlText::whole).collect(Collectors.joining("\n"));
  }

  /** Returns a name as code, in which lines may break after dots and underscores. */
  static String code(String name) {
    return "<code>" + escaped(name).replaceAll("([._])(?=.)", "$1<wbr>") + "</code>";
  }

  /** Returns a sentence, its words in backquotes as code. */
  static String sentence(String text) {
    return whole(text).replaceAll("`([^`]*)`", "<code>$1</code>");
  }

  /** Returns a number in groups of three digits, separated by commas. */
  static String number(long number) {
    return Verdict.number(number);
  }

  /** Returns a number with so many significant digits, or {@link #NOT_MEASURED}. */
  static String number(OptionalDouble number, int digits) {
    return number.isPresent() ? number("%." + digits + "g", number.getAsDouble()) : NOT_MEASURED;
  }

  /**
   * Returns a number in a format; {@link #NOT_MEASURED} for NaN, {@link #TOO_LARGE} for infinity.
   */
  static String number(String format, double number) {
    return Double.isFinite(number)
        ? format.formatted(number)
        : Double.isNaN(number) ? NOT_MEASURED : TOO_LARGE;
  }

  /**
   * Returns a row of a table.
   *
   * @param name HTML of its heading
   * @param cells HTML of the others, each with its element
   */
  static String row(String name, String... cells) {
    return "<tr><th scope=\"row\">%s</th>%s</tr>".formatted(name, String.join("", cells));
  }

  static String cell(String html) {
    return "<td>" + html + "</td>";
  }

  /** Returns a share from 0 to 1 as a percentage. */
  static String percent(double share) {
    return "%.2f %%".formatted(100 * share);
  }
}
