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
   * Partial sums of a sum: number l adds terms l, l + 16, l + 32 and so on by {@code fma}, starting
   * from 0; then numbers l and l + 8 are added, then l and l + 4, l + 2, l + 1.
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

  /** {@code y[yAt + i] = (float) fma(factor, x[xAt + i], y[yAt + i])}. */
  void addScaled(double factor, float[] x, int xAt, float[] y, int yAt, int count);

  /**
   * {@code p[at + i] = (float) fma(beta, p[at + i], g[at + i] * factors[i])} for all factors: the
   * next direction of conjugate gradients.
   */
  void turn(float[] g, double[] factors, double beta, float[] p, int at);

  /**
   * {@code c[k] = fma(v, second[k], fma(u, first[k], c[k]))} for all of c, where first and second
   * are rows of a matrix.
   *
   * @param matrix little-endian floats
   * @param first where the first row begins, in elements
   * @param second where the second row begins, in elements
   */
  void addRows(MemorySegment matrix, long first, double u, long second, double v, double[] c);

  /**
   * Returns the column k of the lowest {@code fma(factor * x[k], row[k], y[k])}, of equal ones the
   * first; 0 if none is less than infinity.
   *
   * @param matrix little-endian floats
   * @param first where in the matrix the row begins, in elements
   */
  int lowest(MemorySegment matrix, long first, double factor, double[] x, double[] y);

  /**
   * {@code lowest[k]} is the lowest {@code x[k] + x[k + d] - less[(d - 1) * n + k]} of all d,
   * infinite if none is less than that, for all n of them, a multiple of {@link #LANES}.
   */
  void lowestPairs(double[] x, double[] less, double[] lowest);

  /** Offers every column in order, with its score. */
  void offer(double[] scores, LowestColumns lowest);
}
