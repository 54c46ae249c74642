package io.github.wandacuda.pruning.fit;

import io.github.wandacuda.scalar.RowArithmetic;
import java.util.Arrays;

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
  /** What a swap must gain, as a part of the error before it. */
  private static final double LEAST_GAIN = 1e-6;

  /** An error that fell below this part of where it began was a difference of rounded numbers. */
  private static final double ROUNDED = 1.0 / 1024;

  private final SquareGram gram;
  private final RowArithmetic arithmetic;
  private final float[] diagonal;
  private final float[] weights;
  private final boolean[] kept;

  /** The mask that the row began with. */
  private final boolean[] keptBefore;

  private final double[] twice;
  private final double[] c;

  /** The c that the row began with. */
  private final double[] begun;

  /** {@code w^2 G[k, k]}; infinite for columns that can't be pruned. */
  private final double[] pruningSquares;

  /** {@code w^2 G[k, k]}; infinite for columns that can't be restored. */
  private final double[] restoringSquares;

  private double error;
  private int swaps;
  private int most;

  /** Finds the swaps of a row, and makes them. */
  @FunctionalInterface
  interface Search {
    /** Makes swaps by {@link #swap} until none gains or {@link #isDone}. */
    void run(RowSwaps row);
  }

  /**
   * Makes room for a row; used for one after the other, by one thread.
   *
   * @param diagonal of G
   */
  RowSwaps(SquareGram gram, float[] diagonal) {
    this.gram = gram;
    this.diagonal = diagonal;
    arithmetic = gram.arithmetic;
    int columns = gram.columns();
    weights = new float[columns];
    kept = new boolean[columns];
    keptBefore = new boolean[columns];
    twice = new double[columns];
    c = new double[columns];
    begun = new double[columns];
    pruningSquares = new double[columns];
    restoringSquares = new double[columns];
  }

  /** Returns the row's weights, which the caller sets before {@link #improve}. */
  float[] weights() {
    return weights;
  }

  /** Returns which weights are kept, which the caller sets before {@link #improve}. */
  boolean[] kept() {
    return kept;
  }

  /**
   * Improves a row. If its error all but vanishes, it is improved anew from products in float64.
   *
   * @param products holds c
   * @param at where it begins there
   * @param mostSwaps how many swaps may be made
   * @param search makes them
   * @return whether the row has another mask, by which its error is less
   */
  boolean improve(float[] products, int at, int mostSwaps, Search search) {
    most = mostSwaps;
    System.arraycopy(kept, 0, keptBefore, 0, kept.length);
    for (int k = 0; k < kept.length; k++) {
      c[k] = products[at + k];
    }
    double scale = begin();
    search.run(this);
    if (error < ROUNDED * scale) {
      System.arraycopy(keptBefore, 0, kept, 0, kept.length);
      multiply();
      begin();
      search.run(this);
    }
    return end();
  }

  /** Computes c in float64. */
  private void multiply() {
    Arrays.fill(c, 0);
    for (int k = 0; k < kept.length; k++) {
      if (!kept[k]) {
        arithmetic.addRows(gram.square(), gram.rowStart(k), weights[k], gram.rowStart(k), 0, c);
      }
    }
  }

  /**
   * Begins a row with c as it is, and returns the size of the terms that its error is the sum of.
   */
  private double begin() {
    error = 0;
    swaps = 0;
    double squares = 0;
    System.arraycopy(c, 0, begun, 0, c.length);
    for (int k = 0; k < kept.length; k++) {
      twice[k] = 2.0 * weights[k];
      error += kept[k] ? 0 : weights[k] * c[k];
      place(k);
      squares += kept[k] ? 0 : square(k);
    }
    return Math.max(squares, error);
  }

  private double square(int k) {
    return (double) weights[k] * weights[k] * diagonal[k];
  }

  /** Sets a column's squares, by whether it is kept. */
  private void place(int k) {
    boolean restorable = !kept[k] && diagonal[k] > 0;
    pruningSquares[k] = kept[k] ? square(k) : Double.POSITIVE_INFINITY;
    restoringSquares[k] = restorable ? square(k) : Double.POSITIVE_INFINITY;
  }

  /** Returns whether no more swaps may be made. */
  boolean isDone() {
    return swaps >= most;
  }

  /** Returns {@code 2 w[k]}. */
  double twice(int k) {
    return twice[k];
  }

  /** Returns c[k]. */
  double product(int k) {
    return c[k];
  }

  /** Returns {@code |w[k]| sqrt(G[k, k])}. */
  double root(int k) {
    return Math.sqrt(square(k));
  }

  /** Returns the change of the error by pruning i, a[i]; infinite if it is pruned. */
  double pruning(int i) {
    return Math.fma(twice[i], c[i], pruningSquares[i]);
  }

  /** Returns the change of the error by restoring j, b[j]; infinite if j isn't to be restored. */
  double restoring(int j) {
    return Math.fma(-twice[j], c[j], restoringSquares[j]);
  }

  /**
   * Returns what pruning i and restoring j change together, beyond a[i] + b[j].
   *
   * @param element G[i, j]
   */
  double together(int i, int j, float element) {
    return twice[i] * weights[j] * element;
  }

  /** Returns a change of the error, 0 or less; a swap is worth it only below that. */
  double leastChange() {
    return -LEAST_GAIN * Math.max(0, error);
  }

  /**
   * Prunes i and restores j.
   *
   * @param change what that changes the error by
   */
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
   * Ends with the row. The change of the error is {@code (r' - r) G (r' + r)} with r' the pruned
   * weights now, and {@code (r' - r) G} is what the swaps have added to c: known in float64, unlike
   * the error itself. If that isn't less than 0, the row has its old mask again.
   */
  private boolean end() {
    double change = 0;
    for (int k = 0; k < kept.length; k++) {
      int times = (kept[k] ? 0 : 1) + (keptBefore[k] ? 0 : 1);
      change += (c[k] - begun[k]) * (times * (double) weights[k]);
    }
    boolean better = swaps > 0 && change < 0;
    if (!better) {
      System.arraycopy(keptBefore, 0, kept, 0, kept.length);
    }
    return better;
  }
}
