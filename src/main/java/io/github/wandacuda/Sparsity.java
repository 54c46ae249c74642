package io.github.wandacuda;

/** How much of a weight matrix is pruned. */
public sealed interface Sparsity {
  /**
   * {@return a fraction of each output row or, for magnitude pruning, of the whole matrix}
   *
   * @param fraction at least 0, less than 1
   * @throws IllegalArgumentException if the fraction is negative, 1 or more, or no number
   */
  static Sparsity ratio(double fraction) {
    return new Ratio(fraction);
  }

  /**
   * {@return N of every M consecutive input columns}
   *
   * @param pruned N, at least 1
   * @param size M, more than N
   * @throws IllegalArgumentException if N is less than 1 or not less than M
   */
  static Sparsity pattern(int pruned, int size) {
    return new GroupPattern(pruned, size);
  }

  /**
   * A fraction of each output row or, for magnitude pruning, of the whole matrix.
   *
   * @param fraction at least 0, less than 1
   */
  record Ratio(double fraction) implements Sparsity {
    /**
     * Checks the range; -0.0 becomes 0.
     *
     * @throws IllegalArgumentException if the fraction is negative, 1 or more, or no number
     */
    public Ratio {
      if (!(fraction >= 0 && fraction < 1)) {
        throw new IllegalArgumentException(
            "sparsity: expected a fraction of at least 0 and less than 1, found " + fraction);
      }
      fraction = fraction == 0 ? 0 : fraction;
    }

    /**
     * {@return the share of elements, {@code floor(count * fraction)} with the product in double}
     *
     * @param count how many elements there are
     */
    public long of(long count) {
      return (long) Math.floor(count * fraction);
    }

    /** Returns the fraction in per cent. */
    @Override
    public String toString() {
      return "%.4g %%".formatted(fraction * 100);
    }
  }

  /**
   * N of every M consecutive input columns. What is counted here is what is pruned, as in the code
   * of Wanda; NVIDIA counts what is kept.
   *
   * @param pruned N, at least 1
   * @param size M, more than N
   */
  record GroupPattern(int pruned, int size) implements Sparsity {
    /**
     * Checks that something of a group is pruned and something is kept.
     *
     * @throws IllegalArgumentException if N is less than 1 or not less than M
     */
    public GroupPattern {
      if (pruned < 1 || pruned >= size) {
        throw new IllegalArgumentException(
            "pattern: expected N:M with N at least 1 and less than M, found %d:%d"
                .formatted(pruned, size));
      }
    }

    /**
     * {@return whether rows fall into whole groups}
     *
     * @param columns elements in a row
     */
    public boolean fits(int columns) {
      return columns % size == 0;
    }

    /** Returns the pattern as people write it, {@code N:M}. */
    @Override
    public String toString() {
      return pruned + ":" + size;
    }
  }
}
