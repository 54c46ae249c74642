package io.github.wandacuda.layerwise;

import io.github.wandacuda.layerwise.reference.RowArithmetic;
import io.github.wandacuda.layerwise.reference.SwapCandidates;

/**
 * A row of weights w whose mask is being improved. With r the pruned weights and zeros elsewhere,
 * the error of the row's output is {@code L = r G r}; with {@code c = r G}, pruning a kept weight i
 * and restoring a pruned one j changes it by
 *
 * <pre>{@code
 * a[i] + b[j] - 2 w[i] w[j] G[i, j]
 * a[i] = 2 w[i] c[i] + w[i]^2 G[i, i],   b[j] = -2 w[j] c[j] + w[j]^2 G[j, j]
 * }</pre>
 *
 * <p>(SparseSwaps, arXiv 2512.10922.) A column whose input was always zero, {@code G[j, j] = 0}, is
 * never restored: that would gain nothing. c starts as a float32 product and is kept in float64
 * from there on, so that swaps lessen one and the same function, whatever the rounding of its
 * start.
 */
final class RowSwaps {
  /** What a swap must gain, as a part of the error. */
  private static final double LEAST_GAIN = 1e-6;

  private final SquareGram gram;
  private final RowArithmetic arithmetic;
  private final float[] diagonal;
  private final float[] weights;
  private final boolean[] kept;
  private final boolean[] keptBefore;
  private final double[] twice;
  private final double[] c;
  private final SwapCandidates toPrune;
  private final SwapCandidates toRestore;
  private double error;
  private int swaps;
  private int most;

  RowSwaps(SquareGram gram, float[] diagonal, RowArithmetic arithmetic) {
    this.gram = gram;
    this.diagonal = diagonal;
    this.arithmetic = arithmetic;
    int columns = gram.columns();
    weights = new float[columns];
    kept = new boolean[columns];
    keptBefore = new boolean[columns];
    twice = new double[columns];
    c = new double[columns];
    toPrune = new SwapCandidates(columns);
    toRestore = new SwapCandidates(columns);
  }

  /** Returns the row's weights, which the caller sets before {@link #begin}. */
  float[] weights() {
    return weights;
  }

  /** Returns which weights are kept, which the caller sets before {@link #begin}. */
  boolean[] kept() {
    return kept;
  }

  /**
   * Begins with a row.
   *
   * @param products holds c
   * @param at where it begins
   * @param mostSwaps no more are made
   */
  void begin(float[] products, int at, int mostSwaps) {
    error = 0;
    swaps = 0;
    most = mostSwaps;
    toPrune.clear();
    toRestore.clear();
    System.arraycopy(kept, 0, keptBefore, 0, kept.length);
    for (int k = 0; k < kept.length; k++) {
      twice[k] = 2.0 * weights[k];
      c[k] = products[at + k];
      error += kept[k] ? 0 : weights[k] * c[k];
      place(k);
    }
  }

  /** Sets the offsets of a column's scores by the side that it is on. */
  private void place(int k) {
    double square = (double) weights[k] * weights[k] * diagonal[k];
    boolean restorable = !kept[k] && diagonal[k] > 0;
    toPrune.offsets()[k] = kept[k] ? square : Double.POSITIVE_INFINITY;
    toRestore.offsets()[k] = restorable ? square : Double.POSITIVE_INFINITY;
  }

  /** Returns the error as far as it is known: its start is a float32 product. */
  double error() {
    return error;
  }

  /** Returns how many swaps were made. */
  int swaps() {
    return swaps;
  }

  /** Returns whether no more swaps may be made. */
  boolean isDone() {
    return swaps >= most;
  }

  /** Returns the change of the error by pruning i, a[i]. */
  double pruning(int i) {
    return Math.fma(twice[i], c[i], toPrune.offsets()[i]);
  }

  /** Returns the change of the error by restoring j, b[j]; infinite if j isn't to be restored. */
  double restoring(int j) {
    return Math.fma(-twice[j], c[j], toRestore.offsets()[j]);
  }

  /** Returns what both together change beyond a[i] + b[j]. */
  double together(int i, int j, float element) {
    return twice[i] * weights[j] * element;
  }

  /** Returns whether a change of the error is worth a swap. */
  boolean gains(double change) {
    return change < -LEAST_GAIN * Math.max(0, error);
  }

  /** Prunes i and restores j, which changes the error as given. */
  void swap(int i, int j, double change) {
    kept[i] = false;
    kept[j] = true;
    place(i);
    place(j);
    long first = gram.rowStart(i);
    long second = gram.rowStart(j);
    arithmetic.addRows(gram.square(), first, weights[i], second, -weights[j], c);
    error += change;
    swaps++;
  }

  /**
   * Makes swaps of the best among pairs of the few kept columns whose pruning costs least with the
   * few pruned ones whose restoring gains most, until none gains. Of equal changes the pair is
   * taken that comes first by the order of its kept column, then by that of its pruned one.
   */
  void swapCandidates() {
    while (!isDone()) {
      arithmetic.offer(twice, c, toPrune, toRestore);
      double best = Double.POSITIVE_INFINITY;
      int prune = 0;
      int restore = 0;
      for (int rank = 0; rank < toPrune.size(); rank++) {
        int i = toPrune.column(rank);
        for (int other = 0; other < toRestore.size(); other++) {
          int j = toRestore.column(other);
          float element = gram.get(i, j);
          double change = toPrune.score(rank) + toRestore.score(other) - together(i, j, element);
          if (change < best) {
            best = change;
            prune = i;
            restore = j;
          }
        }
      }
      if (!gains(best)) {
        return;
      }
      swap(prune, restore, best);
      toPrune.renew(prune, restore, 1, twice, c);
      toRestore.renew(restore, prune, -1, twice, c);
    }
  }

  /**
   * Ends with the row. The change of the error is {@code (r' - r) G (r' + r)} with r' the pruned
   * weights now, and {@code (r' - r) G} is what the swaps have added to c: known in float64, unlike
   * the error itself. If that isn't less than 0, the row has its old mask again.
   *
   * @param products holds c as it began
   * @param at where it begins
   * @return the change, 0 if the row is as before
   */
  double end(float[] products, int at) {
    double change = 0;
    for (int k = 0; k < kept.length; k++) {
      int times = (kept[k] ? 0 : 1) + (keptBefore[k] ? 0 : 1);
      change += (c[k] - products[at + k]) * (times * (double) weights[k]);
    }
    if (swaps > 0 && change < 0) {
      return change;
    }
    swaps = 0;
    System.arraycopy(keptBefore, 0, kept, 0, kept.length);
    return 0;
  }
}
