package io.github.wandacuda.checkpoint;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Comparator;

/** The order of names, the same in every language that sorts by code points or by UTF-8 bytes. */
public final class TensorNames {
  /**
   * Code-point order. {@link String#compareTo} differs from it where characters beyond U+FFFF meet
   * those from U+E000.
   */
  public static final Comparator<String> ORDER =
      (left, right) ->
          Arrays.compareUnsigned(
              left.getBytes(StandardCharsets.UTF_8), right.getBytes(StandardCharsets.UTF_8));

  /**
   * The order in which people read names: numbers in them by their values, so that block 2 comes
   * before block 10, all else as in {@link #ORDER}.
   */
  public static final Comparator<String> NATURAL = TensorNames::compareNaturally;

  private TensorNames() {}

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
