package io.github.wandacuda.pruning.fit;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.pruning.mask.PackedMasks;
import io.github.wandacuda.scalar.LowestColumns;
import io.github.wandacuda.scalar.RowArithmetic;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.OptionalInt;

/**
 * Improves a mask by swaps: while that lessens the error of a row's output, a kept weight is pruned
 * and a pruned one of the same row restored, or of the same group (SparseSwaps, arXiv 2512.10922).
 * No weight changes, each row and each group keeps as many weights as before, and no row's error
 * rises: a row in which rounding would have it so keeps the mask that it had.
 *
 * @param gram the second moments of the layers' one input, which must stay open
 */
public record MaskSwaps(SquareGram gram) {
  /**
   * Improves a mask.
   *
   * @param weights [rows, columns], dense
   * @param mask [rows, ceil(columns / 8)] bytes, the least significant bit first, 1 for a kept
   *     weight; changed in place
   * @param groupSize columns of a group in which swaps must stay, if there are groups
   * @param budget swaps of a row at most; without one, swaps are made until none gains, but never
   *     more than the row has columns
   * @throws IllegalArgumentException if sizes don't agree, or columns don't fall into groups
   */
  public void refine(
      WeightMatrix weights, MemorySegment mask, OptionalInt groupSize, OptionalInt budget) {
    gram.require(weights);
    PackedMasks.require(mask, weights.rows(), weights.columns());
    int columns = gram.columns();
    int size = groupSize.orElse(Math.max(1, columns));
    if (size < 1 || columns % size != 0) {
      throw new IllegalArgumentException("groups of %d in %d columns".formatted(size, columns));
    }
    try (LayerRows rows = new LayerRows(gram, weights, mask, null)) {
      rows.moveWhole(RowTile::loadMask);
      rows.forTiles(
          tile -> {
            tile.startMasked();
            tile.swap(groupSize, budget);
            tile.storeMask();
          });
    }
  }

  /**
   * Returns a search for a row's swaps, for one thread.
   *
   * @param reach what {@link #reach} returns; not needed with groups
   */
  static RowSwaps.Search search(SquareGram gram, OptionalInt groupSize, double[] reach) {
    return groupSize.isPresent()
        ? new GroupSwaps(gram, groupSize.getAsInt())
        : new BestSwaps(gram, reach);
  }

  /**
   * Returns for each column i the greatest {@code |G[i, j]| / sqrt(G[j, j])} of all other columns
   * j.
   *
   * @param diagonal of G
   */
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

  /**
   * Swaps within groups of consecutive columns: of all pairs of a row that lie in one group the
   * best, of equal ones that of the lowest kept column, then of the lowest pruned one; again and
   * again, until none gains. Taking each group's best in turn is less work and leaves more error:
   * on the bundled model at 2:4, 0.0695 of the outputs instead of 0.0693.
   */
  private static final class GroupSwaps implements RowSwaps.Search {
    private final SquareGram gram;
    private final int size;

    /** What each column changes by itself; behind the last column 0. */
    private final double[] changes;

    /** What columns k and k + d change together, for each d; minus infinity if they are no pair. */
    private final double[] together;

    /**
     * The best change of each column's pairs. There are more elements than columns, to whole
     * vectors.
     */
    private final double[] best;

    private final LowestColumns lowest = new LowestColumns();

    GroupSwaps(SquareGram gram, int size) {
      this.gram = gram;
      this.size = size;
      best = new double[Math.ceilDiv(gram.columns(), RowArithmetic.LANES) * RowArithmetic.LANES];
      changes = new double[best.length + size];
      together = new double[Math.multiplyExact(best.length, size - 1)];
      Arrays.fill(together, Double.NEGATIVE_INFINITY);
    }

    @Override
    public void run(RowSwaps row) {
      for (int first = 0; first < gram.columns(); first += size) {
        join(row, first);
      }
      while (!row.isDone() && swapBest(row)) {
        // Each swap changes what all others would gain.
      }
    }

    /**
     * Sets what the pairs of a group change together.
     *
     * @param first the group's first column
     */
    private void join(RowSwaps row, int first) {
      for (int i = first; i < first + size; i++) {
        for (int j = i + 1; j < first + size; j++) {
          together[(j - i - 1) * best.length + i] =
              row.kept()[i] == row.kept()[j]
                  ? Double.NEGATIVE_INFINITY
                  : row.together(i, j, gram.square(i, j));
        }
      }
    }

    /** Makes the best swap, and returns whether there was one that gains. */
    private boolean swapBest(RowSwaps row) {
      for (int k = 0; k < gram.columns(); k++) {
        changes[k] = Math.min(row.pruning(k), row.restoring(k));
      }
      gram.arithmetic.lowestPairs(changes, together, best);
      lowest.clear(row.leastChange());
      gram.arithmetic.offer(best, lowest);
      if (lowest.size() == 0) {
        return false;
      }
      int first = lowest.column(0) - lowest.column(0) % size;
      int at = 0;
      while (change(row, first, at) != lowest.score(0)) {
        at++;
      }
      row.swap(first + at / size, first + at % size, lowest.score(0));
      join(row, first);
      return true;
    }

    /**
     * Returns what a pair of a group changes.
     *
     * @param at the pair's number: the kept column's in the group times the group's size, plus the
     *     pruned one's
     */
    private double change(RowSwaps row, int first, int at) {
      int i = first + at / size;
      int j = first + at % size;
      return row.pruning(i) + row.restoring(j) - row.together(i, j, gram.square(i, j));
    }
  }

  /**
   * Swaps of any kept weight of a row for any pruned one: the best of all pairs, again and again,
   * until none gains. For each kept column there is a bound below what its pairs change; columns
   * are looked at by ascending bounds, each beside all pruned ones, while a bound is below the best
   * change. Once a swap gains, at most {@link #PAIRS} more pairs are looked at before it is made,
   * so that in long rows it may be one of the next best; which leaves no more error on the whole.
   *
   * <p>A bound is the lowest change as it was found, carried along by the most that a swap since
   * may have lowered it. The other bound is by {@code |G[i, j]| <= reach[i] sqrt(G[j, j])}.
   */
  private static final class BestSwaps implements RowSwaps.Search {
    /** How many more pairs are looked at once a swap gains. */
    private static final int PAIRS = 1 << 14;

    private final SquareGram gram;
    private final RowArithmetic arithmetic;
    private final double[] reach;
    private final int mostLooks;
    private final double[] weights;
    private final double[] restoring;

    /** {@code |w[k]| sqrt(G[k, k])} of columns that can be restored, 0 of others. */
    private final double[] roots;

    /** 0 for columns that can be restored, infinity for others. */
    private final double[] shut;

    /** For each kept column a bound below what its pairs change. */
    private final double[] bounds;

    private final double[] before;
    private final LowestColumns lowest = new LowestColumns();

    /** The lowest b of the columns that can be restored. */
    private double lowestRestoring;

    /** The greatest root of the columns that can be restored. */
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
      restoring = new double[columns];
      roots = new double[columns];
      shut = new double[columns];
      bounds = new double[columns];
      before = new double[columns];
    }

    @Override
    public void run(RowSwaps row) {
      for (int k = 0; k < weights.length; k++) {
        weights[k] = row.weights()[k];
        place(row, k);
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

    /**
     * Notes whether a column can be restored. That makes the loops over columns free of branches:
     * half of all columns can be.
     */
    private void place(RowSwaps row, int k) {
      boolean open = row.restoring(k) < Double.POSITIVE_INFINITY;
      roots[k] = open ? row.root(k) : 0;
      shut[k] = open ? 0 : Double.POSITIVE_INFINITY;
    }

    private void readRestoring(RowSwaps row) {
      lowestRestoring = Double.POSITIVE_INFINITY;
      greatestRoot = 0;
      for (int j = 0; j < restoring.length; j++) {
        restoring[j] = row.restoring(j);
        lowestRestoring = Math.min(lowestRestoring, restoring[j]);
        greatestRoot = Math.max(greatestRoot, roots[j]);
      }
    }

    /** Returns a bound below what all swaps of a kept column change, by its reach. */
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
      place(row, restore);
      double fall = Double.POSITIVE_INFINITY;
      for (int j = 0; j < shut.length; j++) {
        fall = Math.min(fall, shut[j] - row.twice(j) * (row.product(j) - before[j]));
      }
      place(row, prune);
      readRestoring(row);
      for (int i = 0; i < bounds.length; i++) {
        double byReach = leastByReach(row, i);
        double carried = bounds[i] + row.twice(i) * (row.product(i) - before[i]) + fall;
        double withPruned =
            row.pruning(i) + restoring[prune] - row.together(i, prune, gram.square(prune, i));
        bounds[i] = Math.max(byReach, Math.min(carried, withPruned));
      }
      bounds[restore] = leastByReach(row, restore);
    }
  }
}
