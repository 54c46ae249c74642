package io.github.wandacuda.pruning;

import io.github.wandacuda.error.UsageException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How much is pruned. */
public sealed interface Sparsity {

  /**
   * A fraction of each output row or, for magnitude pruning, of each matrix.
   *
   * @param fraction at least 0, less than 1
   */
  record Ratio(double fraction) implements Sparsity {
    /** Checks the range. */
    public Ratio {
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
    public String toString() {
      return "%.4g %%".formatted(fraction * 100);
    }
  }

  /**
   * N of every M consecutive input columns. What is counted here is what goes, as in the code of
   * Wanda; NVIDIA counts what stays.
   *
   * @param pruned N
   * @param size M, more than N
   */
  record GroupPattern(int pruned, int size) implements Sparsity {
    private static final Pattern FORM = Pattern.compile("(\\d{1,6}):(\\d{1,6})");

    /** Checks that something of a group is kept. */
    public GroupPattern {
      if (pruned < 0 || size < 1 || pruned >= size) {
        throw new UsageException(
            "pattern: expected N:M with N less than M, found %d:%d".formatted(pruned, size));
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
        throw new UsageException("pattern: expected N:M such as 2:4, found '" + text + "'");
      }
      return new GroupPattern(
          Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)));
    }

    @Override
    public String toString() {
      return pruned + ":" + size;
    }
  }
}
