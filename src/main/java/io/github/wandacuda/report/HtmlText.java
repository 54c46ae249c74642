package io.github.wandacuda.report;

import io.github.wandacuda.error.Printable;
import io.github.wandacuda.job.record.Verdict;
import java.util.OptionalDouble;
import java.util.stream.Collectors;

/** Text and numbers as a page has them. */
final class HtmlText {
  /** What stands where nothing was measured. */
  static final String NOT_MEASURED = "–";

  /** What stands for a number that overflowed, as the perplexity of a ruined model does. */
  static final String TOO_LARGE = "too large";

  private HtmlText() {}

  /** Returns text that stands for itself, in an element or in a quoted attribute. */
  static String escaped(String text) {
    return entities(Printable.of(text));
  }

  /** Returns a text of this program, however long. */
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

  /** Returns text of several lines that stands for itself, such as a model writes. */
  static String lines(String text) {
    return text.replace('\t', ' ').lines().map(HtmlText::whole).collect(Collectors.joining("\n"));
  }

  /** Returns a name as code, which is broken behind its dots and underscores where it must be. */
  static String code(String name) {
    return "<code>" + escaped(name).replaceAll("([._])(?=.)", "$1<wbr>") + "</code>";
  }

  /** Returns a sentence with its words in backquotes as code. */
  static String sentence(String text) {
    return whole(text).replaceAll("`([^`]*)`", "<code>$1</code>");
  }

  /** Returns a number in groups of three digits, separated by commas. */
  static String number(long number) {
    return Verdict.number(number);
  }

  /** Returns a number with so many significant digits, or a dash for none. */
  static String number(OptionalDouble number, int digits) {
    return number.isPresent() ? number("%." + digits + "g", number.getAsDouble()) : NOT_MEASURED;
  }

  /**
   * Returns a number in a format, or what a reader understands where it is beyond floating point.
   */
  static String number(String format, double number) {
    return Double.isFinite(number)
        ? format.formatted(number)
        : Double.isNaN(number) ? NOT_MEASURED : TOO_LARGE;
  }

  /** Returns a row of a table: what it is of, and its cells, all of it in HTML. */
  static String row(String name, String... cells) {
    return "<tr><th scope=\"row\">%s</th>%s</tr>".formatted(name, String.join("", cells));
  }

  static String cell(String html) {
    return "<td>" + html + "</td>";
  }

  /** Returns a share from 0 to 1 in percent. */
  static String percent(double share) {
    return "%.2f %%".formatted(100 * share);
  }
}
