package io.github.wandacuda.scalar;

/**
 * The columns of the lowest scores of a row, at most {@link #MOST}; of equal scores, those of the
 * lowest columns.
 */
public final class LowestColumns {
  /** Columns that are remembered. */
  public static final int MOST = 8;

  private final double[] scores = new double[MOST];
  private final int[] columns = new int[MOST];
  private int size;
  private double limit = Double.POSITIVE_INFINITY;

  /** Returns the number that a score must be less than to be taken. */
  public double limit() {
    return limit;
  }

  /** Returns how many columns are remembered. */
  public int size() {
    return size;
  }

  /**
   * Returns a column by its rank.
   *
   * @param rank how many lower scores are remembered, from 0
   */
  public int column(int rank) {
    return columns[rank];
  }

  /**
   * Returns a score by its rank.
   *
   * @param rank how many lower scores are remembered, from 0
   */
  public double score(int rank) {
    return scores[rank];
  }

  /**
   * Forgets all columns.
   *
   * @param newLimit scores must be less than this to be taken from here on
   */
  public void clear(double newLimit) {
    size = 0;
    limit = newLimit;
  }

  /**
   * Takes a column if its score is less than {@link #limit}; the highest of too many is dropped.
   *
   * @param column higher than all that were offered since {@link #clear}
   */
  public void offer(int column, double score) {
    if (!(score < limit)) {
      return;
    }
    int at = size < MOST ? size++ : MOST - 1;
    while (at > 0 && scores[at - 1] > score) {
      scores[at] = scores[at - 1];
      columns[at] = columns[at - 1];
      at--;
    }
    scores[at] = score;
    columns[at] = column;
    if (size == MOST) {
      limit = scores[MOST - 1];
    }
  }
}
