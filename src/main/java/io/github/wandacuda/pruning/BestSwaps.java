package io.github.wandacuda.pruning;

import io.github.wandacuda.scalar.LowestColumns;
import io.github.wandacuda.scalar.RowArithmetic;

/**
 * Swaps of any kept weight of a row for any pruned one: the best of all pairs, again and again,
 * until none gains. For each kept column there is a bound below what its pairs change; columns are
 * looked at by ascending bounds, each beside all pruned ones, while a bound is below the best
 * change. Once a swap gains, at most {@link #PAIRS} more pairs are looked at before it is made, so
 * that in long rows it may be one of the next best; which leaves no more error on the whole.
 *
 * <p>A bound is the lowest change as it was found, carried along by the most that a swap since may
 * have lowered it. The other bound is by {@code |G[i, j]| <= reach[i] sqrt(G[j, j])}.
 */
final class BestSwaps implements RowSwaps.Search {
  private static final int PAIRS = 1 << 14;

  private final SquareGram gram;
  private final RowArithmetic arithmetic;
  private final double[] reach;
  private final int mostLooks;
  private final double[] weights;
  private final double[] roots;
  private final double[] restoring;
  private final double[] bounds;
  private final double[] before;
  private final LowestColumns lowest = new LowestColumns();

  /** The lowest b of the columns that can be restored, and the greatest of their roots. */
  private double lowestRestoring;

  private double greatestRoot;

  private int prune;
  private int restore;
  private double best;

  BestSwaps(SquareGram gram, double[] reach) {
    this.gram = gram;
    arithmetic = gram.arithmetic;
    this.reach = reach;
    int columns = gram.columns();
    mostLooks = PAIRS / Math.max(1, columns);
    weights = new double[columns];
    roots = new double[columns];
    restoring = new double[columns];
    bounds = new double[columns];
    before = new double[columns];
  }

  /** Returns for each column i the greatest {@code |G[i, j]| / sqrt(G[j, j])} of the others. */
  static double[] reach(SquareGram gram, float[] diagonal) {
    double[] reach = new double[diagonal.length];
    gram.workers.run(
        reach.length,
        (worker, i) -> {
          for (int j = 0; j < reach.length; j++) {
            if (j != i && diagonal[j] > 0) {
              double element = Math.abs(gram.square(i, j));
              reach[i] = Math.max(reach[i], element / Math.sqrt(diagonal[j]));
            }
          }
        });
    return reach;
  }

  @Override
  public void run(RowSwaps row) {
    for (int k = 0; k < weights.length; k++) {
      weights[k] = row.weights()[k];
      roots[k] = row.root(k);
    }
    readRestoring(row);
    for (int i = 0; i < bounds.length; i++) {
      bounds[i] = leastByReach(row, i);
    }
    while (!row.isDone() && find(row)) {
      for (int k = 0; k < before.length; k++) {
        before[k] = row.product(k);
      }
      row.swap(prune, restore, best);
      carryBounds(row);
    }
  }

  private void readRestoring(RowSwaps row) {
    lowestRestoring = Double.POSITIVE_INFINITY;
    greatestRoot = 0;
    for (int j = 0; j < restoring.length; j++) {
      restoring[j] = row.restoring(j);
      if (restoring[j] < Double.POSITIVE_INFINITY) {
        lowestRestoring = Math.min(lowestRestoring, restoring[j]);
        greatestRoot = Math.max(greatestRoot, roots[j]);
      }
    }
  }

  private double leastByReach(RowSwaps row, int i) {
    double together = Math.abs(row.twice(i)) * reach[i] * greatestRoot;
    return row.pruning(i) + lowestRestoring - together;
  }

  /** Finds a swap, and returns whether there is one that gains. */
  private boolean find(RowSwaps row) {
    best = row.leastChange();
    int left = Integer.MAX_VALUE;
    boolean found = false;
    while (true) {
      lowest.clear(best);
      arithmetic.offer(bounds, lowest);
      if (lowest.size() == 0) {
        return found;
      }
      for (int rank = 0; rank < lowest.size() && lowest.score(rank) < best; rank++) {
        if (left-- <= 0) {
          return true;
        }
        if (look(row, lowest.column(rank)) && !found) {
          found = true;
          left = mostLooks;
        }
      }
    }
  }

  /** Looks at all swaps of a kept column, and returns whether one is the best so far. */
  private boolean look(RowSwaps row, int i) {
    long start = gram.rowStart(i);
    double factor = -row.twice(i);
    int j = arithmetic.lowest(gram.square(), start, factor, weights, restoring);
    double change =
        row.pruning(i) + Math.fma(factor * weights[j], (double) gram.square(i, j), restoring[j]);
    bounds[i] = change;
    if (change < best) {
      best = change;
      prune = i;
      restore = j;
      return true;
    }
    return false;
  }

  /** Brings the bounds up to date with the swap that was made. */
  private void carryBounds(RowSwaps row) {
    readRestoring(row);
    double fall = Double.POSITIVE_INFINITY;
    for (int j = 0; j < restoring.length; j++) {
      if (restoring[j] < Double.POSITIVE_INFINITY && j != prune) {
        fall = Math.min(fall, -row.twice(j) * (row.product(j) - before[j]));
      }
    }
    for (int i = 0; i < bounds.length; i++) {
      double byReach = leastByReach(row, i);
      if (i == restore || !row.kept()[i]) {
        bounds[i] = byReach;
        continue;
      }
      double carried = bounds[i] + row.twice(i) * (row.product(i) - before[i]) + fall;
      double withPruned =
          row.pruning(i) + restoring[prune] - row.together(i, prune, gram.square(prune, i));
      bounds[i] = Math.max(byReach, Math.min(carried, withPruned));
    }
  }
}
