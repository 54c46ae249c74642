package io.github.wandacuda.select;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import java.math.BigDecimal;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How much is pruned. */
public sealed interface Sparsity {
  /**
   * Returns what is pruned of each row or group.
   *
   * @param columns elements in a row
   */
  SelectionRule.Lowest rule(int columns);

  /**
   * A fraction of each output row or, for magnitude pruning, of each matrix.
   *
   * @param fraction at least 0, less than 1
   */
  record Ratio(double fraction) implements Sparsity {
    /** A decimal number; Java's own parser takes "0x1p-1", "0.5f" and "NaN" too. */
    private static final Pattern FORM =
        Pattern.compile("[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d{1,9})?");

    private static final Pattern PERCENT = Pattern.compile("([1-9]\\d?(?:\\.\\d{1,20})?)\\s*%?");

    /**
     * Parses a fraction such as {@code 0.5}.
     *
     * @throws UsageException if it is none, out of range, or nothing but by rounding 0 or 1
     */
    public static Ratio parse(String text) {
      if (!FORM.matcher(text).matches()) {
        throw new UsageException(
            ErrorDetails.of("sparsity")
                .expected("a fraction such as 0.5", "'%s'".formatted(Printable.of(text)))
                .hint(hint(text)));
      }
      BigDecimal exact = new BigDecimal(text);
      double fraction = exact.doubleValue();
      boolean rounded = fraction >= 1 || (fraction == 0 && exact.signum() != 0);
      if (exact.signum() < 0 || rounded) {
        throw new UsageException(
            ErrorDetails.of("sparsity")
                .expected("a fraction of at least 0 and less than 1", Printable.of(text))
                .hint(hint(text)));
      }
      return new Ratio(fraction);
    }

    /** Says how to write a percentage, or a fraction with a comma; null for all else. */
    private static String hint(String text) {
      Matcher percent = PERCENT.matcher(text);
      if (text.matches("0,\\d{1,20}")) {
        return "write " + text.replace(',', '.');
      }
      return percent.matches() && !text.equals("1")
          ? "write %s for %s %%"
              .formatted(
                  new BigDecimal(percent.group(1))
                      .movePointLeft(2)
                      .stripTrailingZeros()
                      .toPlainString(),
                  percent.group(1))
          : null;
    }

    /** Checks the range; there is one zero. */
    public Ratio {
      fraction = fraction == 0 ? 0 : fraction;
      if (!(fraction >= 0 && fraction < 1)) {
        throw new UsageException(
            "sparsity: expected a fraction of at least 0 and less than 1, found " + fraction);
      }
    }

    /** Returns the share of {@code count} elements, rounded down; the product is in double. */
    public long of(long count) {
      return (long) Math.floor(count * fraction);
    }

    @Override
    public SelectionRule.Lowest rule(int columns) {
      return new SelectionRule.LowestPerRow((int) of(columns));
    }

    @Override
    public String toString() {
      return "%.4g %%".formatted(fraction * 100);
    }
  }

  /**
   * N of every M consecutive input columns, which is a rule by itself. What is counted here is what
   * is pruned, as in the code of Wanda; NVIDIA counts what is kept.
   *
   * @param pruned N, at least 1
   * @param size M, more than N
   */
  record GroupPattern(int pruned, int size) implements Sparsity, SelectionRule.Lowest {
    private static final Pattern FORM = Pattern.compile("(\\d{1,6}):(\\d{1,6})");

    /** Checks that something of a group is pruned and something is kept. */
    public GroupPattern {
      if (pruned < 1 || pruned >= size) {
        throw new UsageException(
            "pattern: expected N:M with N at least 1 and less than M, found %d:%d"
                .formatted(pruned, size));
      }
    }

    /**
     * Parses a pattern such as {@code 2:4}.
     *
     * @throws UsageException if it is none
     */
    public static GroupPattern parse(String text) {
      Matcher matcher = FORM.matcher(text);
      if (!matcher.matches()) {
        throw new UsageException(
            "pattern: expected N:M such as 2:4, with numbers up to 999999, found '" + text + "'");
      }
      return new GroupPattern(
          Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)));
    }

    /** Returns whether rows fall into groups. */
    public boolean fits(int columns) {
      return columns % size == 0;
    }

    @Override
    public SelectionRule.Lowest rule(int columns) {
      return this;
    }

    @Override
    public int groupSize(int columns) {
      return size;
    }

    @Override
    public int perGroup() {
      return pruned;
    }

    @Override
    public void check(int columns) {
      if (!fits(columns)) {
        throw new IllegalArgumentException(
            "%d columns are no multiple of the pattern's %d".formatted(columns, size));
      }
    }

    @Override
    public String toString() {
      return pruned + ":" + size;
    }
  }
}
