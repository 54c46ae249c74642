package io.github.wandacuda.backend;

/**
 * Which elements of a weight matrix are pruned, given their scores. A score is {@code |w| *
 * norm[column]}, the product rounded to float32 (Wanda, arXiv 2306.11695, section 3), or {@code
 * |w|} where no norms are given. Equal scores are told apart by their column: the lower one goes
 * first.
 */
public sealed interface SelectionRule {

  /**
   * Prunes the {@code count} lowest scores of each row.
   *
   * @param count elements to prune in a row, from 0 to the number of columns
   */
  record LowestPerRow(int count) implements SelectionRule {
    /** Checks the count's sign; a backend checks it against the columns. */
    public LowestPerRow {
      if (count < 0) {
        throw new IllegalArgumentException("count " + count);
      }
    }
  }

  /**
   * Prunes the {@code pruned} lowest scores of every {@code size} consecutive columns.
   *
   * @param pruned elements to prune in a group, less than its size
   * @param size columns in a group; the matrix's columns are a multiple of it
   */
  record LowestPerGroup(int pruned, int size) implements SelectionRule {
    /** Checks that something of a group is kept. */
    public LowestPerGroup {
      if (pruned < 0 || size < 1 || pruned >= size) {
        throw new IllegalArgumentException("pattern " + pruned + ":" + size);
      }
    }
  }

  /**
   * Prunes every element whose score is {@code threshold} or less.
   *
   * @param threshold the highest score to prune, finite
   */
  record AtMost(float threshold) implements SelectionRule {
    /** Checks that the threshold is a number. */
    public AtMost {
      if (!Float.isFinite(threshold)) {
        throw new IllegalArgumentException("threshold " + threshold);
      }
    }
  }
}
