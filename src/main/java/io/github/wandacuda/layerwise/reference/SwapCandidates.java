package io.github.wandacuda.layerwise.reference;

/**
 * The columns of the lowest scores among those of one side of a swap, at most {@link #MOST}, of
 * equal scores those of the lowest columns. A column's score is an offset plus something that
 * changes with every swap; columns of the other side have an infinite offset.
 */
public final class SwapCandidates {
  /** Columns that are remembered. */
  public static final int MOST = 8;

  private final double[] offsets;
  private final double[] scores = new double[MOST];
  private final int[] columns = new int[MOST];
  private int size;
  private double limit = Double.POSITIVE_INFINITY;

  /** Creates an empty set. */
  public SwapCandidates(int columns) {
    offsets = new double[columns];
  }

  /** Returns the offset of each column's score, which the caller sets. */
  public double[] offsets() {
    return offsets;
  }

  /** Returns what a score must be less than to be accepted. */
  public double limit() {
    return limit;
  }

  /** Returns how many columns are remembered. */
  public int size() {
    return size;
  }

  /** Returns the column with so many lower ones. */
  public int column(int rank) {
    return columns[rank];
  }

  /** Returns the score of the column with so many lower ones. */
  public double score(int rank) {
    return scores[rank];
  }

  /** Forgets all columns. */
  public void clear() {
    size = 0;
    limit = Double.POSITIVE_INFINITY;
  }

  /**
   * Forgets all columns, but goes on to accept only scores up to the highest that these columns
   * have now: if there are {@link #MOST} of them, no higher score is among the lowest.
   *
   * @param gone a column that is of the other side now
   * @param come one that has come instead
   * @param sign 1 or -1, the sign of {@code twice} in this side's scores
   */
  public void renew(int gone, int come, double sign, double[] twice, double[] c) {
    double highest = Double.NEGATIVE_INFINITY;
    for (int rank = 0; rank < size; rank++) {
      int k = columns[rank] == gone ? come : columns[rank];
      highest = Math.max(highest, Math.fma(sign * twice[k], c[k], offsets[k]));
    }
    boolean bounds = size == MOST && highest < Double.POSITIVE_INFINITY;
    size = 0;
    limit = bounds ? Math.nextUp(highest) : Double.POSITIVE_INFINITY;
  }

  /**
   * Takes a column up.
   *
   * @param column higher than all that were offered since the set was empty
   * @param score less than {@link #limit}
   */
  public void offer(int column, double score) {
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
