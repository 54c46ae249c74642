package io.github.wandacuda.checkpoint;

import io.github.wandacuda.error.ErrorDetails;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The names of tensors: how long they may be, and their order. */
public final class TensorNames {
  /** How many tensors a file or a model may have; that bounds the memory of their headers. */
  static final int MOST = 1_000_000;

  /** Far more than any model needs; bounded since every message, table and report repeats names. */
  private static final int LONGEST = 4096;

  /**
   * Code-point order, the same in every language that sorts by code points or by UTF-8 bytes.
   * {@link String#compareTo} differs from it where characters beyond U+FFFF meet those from U+E000.
   */
  public static final Comparator<String> ORDER =
      (left, right) ->
          Arrays.compareUnsigned(
              left.getBytes(StandardCharsets.UTF_8), right.getBytes(StandardCharsets.UTF_8));

  /**
   * The order in which people read names: numbers by their values, so that block 2 comes before
   * block 10, all else as in {@link #ORDER}.
   */
  public static final Comparator<String> NATURAL =
      Comparator.comparing(TensorNames::counted, ORDER).thenComparing(ORDER);

  private static final Pattern NUMBER = Pattern.compile("0*([0-9]+)");

  private TensorNames() {}

  /**
   * Checks a name's length.
   *
   * @param file for messages, or null for one in memory
   * @throws io.github.wandacuda.error.InputException if it is longer than any name needs to be
   */
  static void requireLength(Path file, String name) {
    if (name.length() > LONGEST) {
      throw ErrorDetails.tensor(file, name)
          .wrong(
              "a name of at most %d characters".formatted(LONGEST),
              Integer.toString(name.length()));
    }
  }

  /**
   * Returns a name in which each number begins with the number of its digits, so that longer
   * numbers come after shorter ones.
   */
  private static String counted(String name) {
    // Before that a digit, which is ordered among other characters as a number's first one is.
    return NUMBER
        .matcher(name)
        .replaceAll(
            number -> {
              String digits = number.group(1);
              return Matcher.quoteReplacement("0" + (char) digits.length() + digits);
            });
  }
}
