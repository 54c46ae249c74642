package io.github.wandacuda.pruning.recipe;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import java.math.BigDecimal;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads how much is pruned from what a user wrote. */
public final class SparsityParser {
  /** A decimal number; Java's own parser takes "0x1p-1", "0.5f" and "NaN" too. */
  private static final Pattern DECIMAL =
      Pattern.compile("[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d{1,9})?");

  private static final Pattern PERCENT = Pattern.compile("(\\d{1,3}(?:\\.\\d{1,20})?)\\s*%?");

  private static final BigDecimal LEAST_PERCENT = BigDecimal.TWO;
  private static final BigDecimal HUNDRED = BigDecimal.valueOf(100);

  private static final Pattern N_OF_M = Pattern.compile("(\\d{1,6}):(\\d{1,6})");

  private SparsityParser() {}

  /**
   * Parses a fraction such as {@code 0.5}.
   *
   * @throws UsageException if it is none, isn't from 0 to below 1, or is 0 or 1 only after it is
   *     rounded to a double
   */
  public static Sparsity.Ratio ratio(String text) {
    if (!DECIMAL.matcher(text).matches()) {
      throw ErrorDetails.of("sparsity")
          .hint(hint(text))
          .refused("a fraction such as 0.5", "'%s'".formatted(Printable.of(text)));
    }
    BigDecimal exact = new BigDecimal(text);
    double fraction = exact.doubleValue();
    boolean rounded = fraction >= 1 || (fraction == 0 && exact.signum() != 0);
    if (exact.signum() < 0 || rounded) {
      throw ErrorDetails.of("sparsity")
          .hint(hint(text))
          .refused("a fraction of at least 0 and less than 1", Printable.of(text));
    }
    return new Sparsity.Ratio(fraction);
  }

  /**
   * Returns how to write a percentage, or a fraction with a comma; null for all else. A number
   * below {@link #LEAST_PERCENT} without a sign was hardly meant as a percentage.
   */
  private static String hint(String text) {
    if (text.matches("0,\\d{1,20}")) {
      return "write " + text.replace(',', '.');
    }
    Matcher percent = PERCENT.matcher(text);
    if (!percent.matches()) {
      return null;
    }
    BigDecimal number = new BigDecimal(percent.group(1));
    boolean signed = text.endsWith("%");
    if (number.compareTo(HUNDRED) == 0 || (!signed && number.compareTo(BigDecimal.ONE) == 0)) {
      return "that would leave no weight";
    }
    if (number.compareTo(HUNDRED) > 0 || (!signed && number.compareTo(LEAST_PERCENT) < 0)) {
      return null;
    }
    return "write %s for %s %%"
        .formatted(number.movePointLeft(2).stripTrailingZeros().toPlainString(), percent.group(1));
  }

  /**
   * Parses a pattern such as {@code 2:4}.
   *
   * @throws UsageException if it is none
   */
  public static Sparsity.GroupPattern pattern(String text) {
    Matcher matcher = N_OF_M.matcher(text);
    if (!matcher.matches()) {
      throw refusal("N:M such as 2:4, with numbers up to 999999", "'" + text + "'");
    }
    int pruned = Integer.parseInt(matcher.group(1));
    int size = Integer.parseInt(matcher.group(2));
    if (pruned < 1 || pruned >= size) {
      throw refusal("N:M with N at least 1 and less than M", pruned + ":" + size);
    }
    return new Sparsity.GroupPattern(pruned, size);
  }

  private static UsageException refusal(String expected, String found) {
    return ErrorDetails.of("pattern").refused(expected, found);
  }
}
