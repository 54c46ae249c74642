package io.github.wandacuda.scalar;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import java.lang.foreign.MemorySegment;

/** The arithmetic as plain loops, the specification of every other implementation. */
public final class ScalarRows implements RowArithmetic {
  @Override
  public double dot(float[] x, int xAt, float[] y, int yAt, int count) {
    double[] sums = new double[LANES];
    for (int i = 0; i < count; i++) {
      sums[i % LANES] = Math.fma((double) x[xAt + i], y[yAt + i], sums[i % LANES]);
    }
    return combine(sums);
  }

  @Override
  public double dot(MemorySegment matrix, long first, double[] y) {
    double[] sums = new double[LANES];
    for (int i = 0; i < y.length; i++) {
      double element = matrix.getAtIndex(FLOAT, first + i);
      sums[i % LANES] = Math.fma(element, y[i], sums[i % LANES]);
    }
    return combine(sums);
  }

  @Override
  public double weightedSquares(float[] x, int at, double[] factors) {
    double[] sums = new double[LANES];
    for (int i = 0; i < factors.length; i++) {
      double value = x[at + i];
      sums[i % LANES] = Math.fma(value * value, factors[i], sums[i % LANES]);
    }
    return combine(sums);
  }

  /**
   * Adds up partial sums in the order of {@link RowArithmetic#LANES}.
   *
   * @param sums the partial sums, whose content is undefined afterwards
   */
  public static double combine(double[] sums) {
    for (int width = LANES / 2; width > 0; width /= 2) {
      for (int lane = 0; lane < width; lane++) {
        sums[lane] += sums[lane + width];
      }
    }
    return sums[0];
  }

  @Override
  public void addScaled(double factor, float[] x, int xAt, float[] y, int yAt, int count) {
    for (int i = 0; i < count; i++) {
      y[yAt + i] = (float) Math.fma(factor, (double) x[xAt + i], y[yAt + i]);
    }
  }

  @Override
  public void turn(float[] g, double[] factors, double beta, float[] p, int at) {
    for (int i = 0; i < factors.length; i++) {
      p[at + i] = (float) Math.fma(beta, p[at + i], g[at + i] * factors[i]);
    }
  }

  @Override
  public void addRows(
      MemorySegment matrix, long first, double u, long second, double v, double[] c) {
    for (int k = 0; k < c.length; k++) {
      double sum = Math.fma(u, (double) matrix.getAtIndex(FLOAT, first + k), c[k]);
      c[k] = Math.fma(v, (double) matrix.getAtIndex(FLOAT, second + k), sum);
    }
  }

  @Override
  public int lowest(MemorySegment matrix, long first, double factor, double[] x, double[] y) {
    return lowest(0, 0, Double.POSITIVE_INFINITY, matrix, first, factor, x, y);
  }

  /**
   * Finds the lowest value among columns from one on and a column that is known.
   *
   * @param from the first column to look at
   * @param known the lowest column before it
   * @param value the value of that column
   * @return the column of the lowest value, of equal ones the first
   */
  public static int lowest(
      int from,
      int known,
      double value,
      MemorySegment matrix,
      long first,
      double factor,
      double[] x,
      double[] y) {
    int column = known;
    double least = value;
    for (int k = from; k < x.length; k++) {
      double next = Math.fma(factor * x[k], (double) matrix.getAtIndex(FLOAT, first + k), y[k]);
      if (next < least) {
        least = next;
        column = k;
      }
    }
    return column;
  }

  @Override
  public void lowestPairs(double[] x, double[] less, double[] lowest) {
    for (int k = 0; k < lowest.length; k++) {
      lowest[k] = Double.POSITIVE_INFINITY;
      for (int at = k, other = k + 1; at < less.length; at += lowest.length, other++) {
        double next = x[k] + x[other] - less[at];
        lowest[k] = next < lowest[k] ? next : lowest[k];
      }
    }
  }

  @Override
  public void offer(double[] scores, LowestColumns lowest) {
    offer(0, scores.length, scores, lowest);
  }

  /** Offers columns {@code from} to {@code to - 1} in order. */
  public static void offer(int from, int to, double[] scores, LowestColumns lowest) {
    for (int k = from; k < to; k++) {
      lowest.offer(k, scores[k]);
    }
  }
}
