package io.github.wandacuda.checkpoint;

import io.github.wandacuda.error.ErrorDetails;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;

/** The names of tensors: how long they may be, and their order. */
public final class TensorNames {
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
  public static final Comparator<String> NATURAL = TensorNames::compareNaturally;

  private TensorNames() {}

  static void requireLength(Path file, String name) {
    if (name.length() > LONGEST) {
      throw ErrorDetails.tensor(file, name)
          .wrong(
              "a name of at most %d characters".formatted(LONGEST),
              Integer.toString(name.length()));
    }
  }

  private static int compareNaturally(String left, String right) {
    int at = 0;
    int other = 0;
    while (at < left.length() && other < right.length()) {
      int end = endOfNumber(left, at);
      int otherEnd = endOfNumber(right, other);
      if (end > at && otherEnd > other) {
        int order = compareNumbers(left.substring(at, end), right.substring(other, otherEnd));
        if (order != 0) {
          return order;
        }
        at = end;
        other = otherEnd;
      } else {
        int order = Integer.compare(left.codePointAt(at), right.codePointAt(other));
        if (order != 0) {
          return order;
        }
        at += Character.charCount(left.codePointAt(at));
        other += Character.charCount(right.codePointAt(other));
      }
    }
    int order = Integer.compare(left.length() - at, right.length() - other);
    return order != 0 ? order : ORDER.compare(left, right);
  }

  private static int endOfNumber(String name, int from) {
    int end = from;
    while (end < name.length() && name.charAt(end) >= '0' && name.charAt(end) <= '9') {
      end++;
    }
    return end;
  }

  private static int compareNumbers(String left, String right) {
    String number = withoutZeros(left);
    String other = withoutZeros(right);
    int order = Integer.compare(number.length(), other.length());
    return order != 0 ? order : number.compareTo(other);
  }

  private static String withoutZeros(String number) {
    int first = 0;
    while (first < number.length() - 1 && number.charAt(first) == '0') {
      first++;
    }
    return number.substring(first);
  }
}
