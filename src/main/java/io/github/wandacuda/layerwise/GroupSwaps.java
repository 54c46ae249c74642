package io.github.wandacuda.layerwise;

/**
 * Swaps within groups of consecutive columns: of all pairs of a row that lie in one group the best,
 * of equal ones that of the lowest kept column, then of the lowest pruned one; again and again,
 * until none gains. Taking each group's best in turn is less work and leaves more error: on the
 * bundled model at 2:4, 0.0695 of the outputs instead of 0.0693.
 */
final class GroupSwaps implements RowSwaps.Search {
  private final int size;

  /** The elements of G of each group's pairs, group by group, row by row. */
  private final float[] pairs;

  GroupSwaps(SquareGram gram, int size) {
    this.size = size;
    pairs = new float[Math.multiplyExact(gram.columns(), size)];
    for (int column = 0; column < gram.columns(); column++) {
      int first = column - column % size;
      for (int k = 0; k < size; k++) {
        pairs[column * size + k] = gram.get(column, first + k);
      }
    }
  }

  @Override
  public void run(RowSwaps row) {
    while (!row.isDone() && swapBest(row)) {
      // Each swap changes what all others would gain.
    }
  }

  private boolean swapBest(RowSwaps row) {
    double best = Double.POSITIVE_INFINITY;
    int prune = 0;
    int restore = 0;
    for (int i = 0; i < row.kept().length; i++) {
      double cost = row.pruning(i);
      int first = i - i % size;
      for (int j = first; j < first + size && cost < Double.POSITIVE_INFINITY; j++) {
        double change = cost + row.restoring(j) - row.together(i, j, pairs[i * size + j - first]);
        if (change < best) {
          best = change;
          prune = i;
          restore = j;
        }
      }
    }
    if (!(best < row.leastChange())) {
      return false;
    }
    row.swap(prune, restore, best);
    return true;
  }
}
