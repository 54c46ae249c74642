package io.github.wandacuda.scalar;

import java.lang.foreign.MemorySegment;

/**
 * The arithmetic on one row of weights that swaps and reconstruction are made of. The roundings and
 * the order of sums are stated here and written out in {@link ScalarRows}. Arithmetic is in float64
 * unless a type says otherwise; {@code fma} rounds once.
 *
 * <p>Implementations keep nothing, so that several threads may use one.
 */
public interface RowArithmetic {
  /**
   * A sum is made of so many partial sums: number l adds terms l, l + 16, l + 32 and so on by
   * {@code fma}, starting from 0; then numbers l and l + 8 are added, then l and l + 4, l + 2, l +
   * 1.
   */
  int LANES = 16;

  /** Returns the sum of {@code x[xAt + i] * y[yAt + i]} in {@link #LANES} partial sums. */
  double dot(float[] x, int xAt, float[] y, int yAt, int count);

  /**
   * Returns the sum of {@code row[i] * y[i]} over all of y in {@link #LANES} partial sums.
   *
   * @param matrix little-endian floats
   * @param first where in the matrix the row begins, in elements
   */
  double dot(MemorySegment matrix, long first, double[] y);

  /**
   * Returns the sum of {@code (x[at + i] * x[at + i]) * factors[i]} over all factors in {@link
   * #LANES} partial sums; the squares are exact.
   */
  double weightedSquares(float[] x, int at, double[] factors);

  /**
   * Adds a scaled vector: {@code y[yAt + i] = (float) fma(factor, x[xAt + i], y[yAt + i])} for i
   * from 0 to {@code count - 1}.
   */
  void addScaled(double factor, float[] x, int xAt, float[] y, int yAt, int count);

  /**
   * Computes the next direction of conjugate gradients: {@code p[at + i] = (float) fma(beta, p[at +
   * i], g[at + i] * factors[i])} for all factors.
   */
  void turn(float[] g, double[] factors, double beta, float[] p, int at);

  /**
   * Adds two scaled rows of a matrix: {@code c[k] = fma(v, second[k], fma(u, first[k], c[k]))} for
   * all of c.
   *
   * @param matrix little-endian floats
   * @param first where the first row begins, in elements
   * @param u factor of the first row
   * @param second where the second row begins, in elements
   * @param v factor of the second row
   */
  void addRows(MemorySegment matrix, long first, double u, long second, double v, double[] c);

  /**
   * Finds the lowest {@code fma(factor * x[k], row[k], y[k])} of all columns k.
   *
   * @param matrix little-endian floats
   * @param first where in the matrix the row begins, in elements
   * @return its column, of equal ones the first; 0 if none is less than infinity
   */
  int lowest(MemorySegment matrix, long first, double factor, double[] x, double[] y);

  /**
   * Finds the lowest of sums over d for each k: {@code lowest[k]} becomes the lowest {@code x[k] +
   * x[k + d] - less[(d - 1) * n + k]} of all d, or infinity if none is less.
   *
   * @param x at least as many terms as pairs reach
   * @param less a row of n numbers for each d
   * @param lowest receives n numbers, a multiple of {@link #LANES}
   */
  void lowestPairs(double[] x, double[] less, double[] lowest);

  /** Offers every column in order, with its score. */
  void offer(double[] scores, LowestColumns lowest);
}
