package io.github.wandacuda.select;

import io.github.wandacuda.Sparsity;

/**
 * Which elements of a weight matrix are pruned, given their scores. A score is {@code |w| *
 * norm[column]}, the product rounded to float32 (Wanda, arXiv 2306.11695, section 3), or {@code
 * |w|} where no norms are given. Equal scores are told apart by their column: the lower one goes
 * first.
 */
public sealed interface SelectionRule {
  /**
   * Checks that rows can be pruned so.
   *
   * @param columns elements in a row
   * @throws IllegalArgumentException if not
   */
  void check(int columns);

  /**
   * Returns the rule that prunes the lowest scores, as many as a sparsity asks for: of each row for
   * a share, of each group for a pattern.
   *
   * @param columns elements in a row, of which a share is taken
   */
  static Lowest of(Sparsity sparsity, int columns) {
    return switch (sparsity) {
      case Sparsity.Ratio ratio -> new LowestPerRow((int) ratio.of(columns));
      case Sparsity.GroupPattern pattern -> new LowestPerGroup(pattern.pruned(), pattern.size());
    };
  }

  /**
   * Prunes the same number of the lowest scores of each group of consecutive columns; a group may
   * be the whole row.
   */
  sealed interface Lowest extends SelectionRule permits LowestPerRow, LowestPerGroup {
    /** Returns the columns of a group, 1 or more. */
    int groupSize(int columns);

    /** Returns how many elements of a group go. */
    int perGroup();

    /**
     * Returns how many elements of a matrix go.
     *
     * @param columns elements in a row
     */
    default long count(long rows, int columns) {
      return Math.ceilDiv(columns, groupSize(columns)) * perGroup() * rows;
    }
  }

  /**
   * Prunes the {@code count} lowest scores of each row.
   *
   * @param count elements to prune in a row, from 0 to the number of columns
   */
  record LowestPerRow(int count) implements Lowest {
    public LowestPerRow {
      if (count < 0) {
        throw new IllegalArgumentException("count " + count);
      }
    }

    @Override
    public int groupSize(int columns) {
      return Math.max(1, columns);
    }

    @Override
    public int perGroup() {
      return count;
    }

    @Override
    public void check(int columns) {
      if (count > columns) {
        throw new IllegalArgumentException(
            "%d of a row's %d columns can't be pruned".formatted(count, columns));
      }
    }
  }

  /**
   * Prunes the {@code pruned} lowest scores of each group of {@code size} consecutive columns.
   *
   * @param pruned elements to prune in a group, at least 1
   * @param size columns of a group, more than are pruned
   */
  record LowestPerGroup(int pruned, int size) implements Lowest {
    /** Checks that something of a group is pruned and something is kept. */
    public LowestPerGroup {
      if (pruned < 1 || pruned >= size) {
        throw new IllegalArgumentException("%d of a group's %d".formatted(pruned, size));
      }
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
      if (columns % size != 0) {
        throw new IllegalArgumentException(
            "%d columns are no multiple of the pattern's %d".formatted(columns, size));
      }
    }
  }

  /**
   * Prunes every element whose score is {@code threshold} or less.
   *
   * @param threshold the highest score to prune, finite
   */
  record AtMost(float threshold) implements SelectionRule {
    public AtMost {
      if (!Float.isFinite(threshold)) {
        throw new IllegalArgumentException("threshold " + threshold);
      }
    }

    /**
     * Returns the lowest bits of a score that stays. Scores are never negative, so they are ordered
     * as their bits are.
     */
    public int lowestKept() {
      // A threshold of -0.0 is one of +0.0.
      return threshold < 0 ? 0 : Float.floatToRawIntBits(threshold + 0.0f) + 1;
    }

    @Override
    public void check(int columns) {}
  }
}
