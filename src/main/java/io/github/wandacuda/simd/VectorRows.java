package io.github.wandacuda.simd;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.scalar.LowestColumns;
import io.github.wandacuda.scalar.RowArithmetic;
import io.github.wandacuda.scalar.ScalarRows;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * The arithmetic on vectors of doubles. A sum passes over its terms once for each two vectors of
 * partial sums, which stay in registers: once with vectors of 512 bits, twice with 256 bits. The
 * elements after the last whole vectors are computed one by one.
 */
public final class VectorRows implements RowArithmetic {
  private static final int W = Lanes.DOUBLE_COUNT;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  @Override
  public double dot(float[] x, int xAt, float[] y, int yAt, int count) {
    double[] sums = new double[LANES];
    int whole = count - count % LANES;
    for (int pass = 0; pass < LANES; pass += 2 * W) {
      DoubleVector low = DoubleVector.zero(Lanes.DOUBLES);
      DoubleVector high = low;
      for (int i = pass; i < whole; i += LANES) {
        low = load(x, xAt + i).fma(load(y, yAt + i), low);
        high = load(x, xAt + i + W).fma(load(y, yAt + i + W), high);
      }
      low.intoArray(sums, pass);
      high.intoArray(sums, pass + W);
    }
    for (int i = whole; i < count; i++) {
      sums[i - whole] = Math.fma((double) x[xAt + i], y[yAt + i], sums[i - whole]);
    }
    return ScalarRows.combine(sums);
  }

  @Override
  public double dot(MemorySegment matrix, long first, double[] y) {
    double[] sums = new double[LANES];
    int whole = y.length - y.length % LANES;
    for (int pass = 0; pass < LANES; pass += 2 * W) {
      DoubleVector low = DoubleVector.zero(Lanes.DOUBLES);
      DoubleVector high = low;
      for (int i = pass; i < whole; i += LANES) {
        low = load(matrix, first + i).fma(load(y, i), low);
        high = load(matrix, first + i + W).fma(load(y, i + W), high);
      }
      low.intoArray(sums, pass);
      high.intoArray(sums, pass + W);
    }
    for (int i = whole; i < y.length; i++) {
      double element = matrix.getAtIndex(FLOAT, first + i);
      sums[i - whole] = Math.fma(element, y[i], sums[i - whole]);
    }
    return ScalarRows.combine(sums);
  }

  @Override
  public double weightedSquares(float[] x, int at, double[] factors) {
    double[] sums = new double[LANES];
    int whole = factors.length - factors.length % LANES;
    for (int pass = 0; pass < LANES; pass += 2 * W) {
      DoubleVector low = DoubleVector.zero(Lanes.DOUBLES);
      DoubleVector high = low;
      for (int i = pass; i < whole; i += LANES) {
        DoubleVector value = load(x, at + i);
        low = value.mul(value).fma(load(factors, i), low);
        DoubleVector next = load(x, at + i + W);
        high = next.mul(next).fma(load(factors, i + W), high);
      }
      low.intoArray(sums, pass);
      high.intoArray(sums, pass + W);
    }
    for (int i = whole; i < factors.length; i++) {
      double value = x[at + i];
      sums[i - whole] = Math.fma(value * value, factors[i], sums[i - whole]);
    }
    return ScalarRows.combine(sums);
  }

  @Override
  public void addScaled(double factor, float[] x, int xAt, float[] y, int yAt, int count) {
    int whole = Lanes.DOUBLES.loopBound(count);
    DoubleVector factors = DoubleVector.broadcast(Lanes.DOUBLES, factor);
    for (int i = 0; i < whole; i += W) {
      store(factors.fma(load(x, xAt + i), load(y, yAt + i)), y, yAt + i);
    }
    for (int i = whole; i < count; i++) {
      y[yAt + i] = (float) Math.fma(factor, (double) x[xAt + i], y[yAt + i]);
    }
  }

  @Override
  public void turn(float[] g, double[] factors, double beta, float[] p, int at) {
    int whole = Lanes.DOUBLES.loopBound(factors.length);
    DoubleVector betas = DoubleVector.broadcast(Lanes.DOUBLES, beta);
    for (int i = 0; i < whole; i += W) {
      DoubleVector scaled = load(g, at + i).mul(load(factors, i));
      store(betas.fma(load(p, at + i), scaled), p, at + i);
    }
    for (int i = whole; i < factors.length; i++) {
      p[at + i] = (float) Math.fma(beta, p[at + i], g[at + i] * factors[i]);
    }
  }

  @Override
  public void addRows(
      MemorySegment matrix, long first, double u, long second, double v, double[] c) {
    int whole = Lanes.DOUBLES.loopBound(c.length);
    DoubleVector us = DoubleVector.broadcast(Lanes.DOUBLES, u);
    DoubleVector vs = DoubleVector.broadcast(Lanes.DOUBLES, v);
    for (int k = 0; k < whole; k += W) {
      DoubleVector sum = us.fma(load(matrix, first + k), load(c, k));
      vs.fma(load(matrix, second + k), sum).intoArray(c, k);
    }
    for (int k = whole; k < c.length; k++) {
      double sum = Math.fma(u, (double) matrix.getAtIndex(FLOAT, first + k), c[k]);
      c[k] = Math.fma(v, (double) matrix.getAtIndex(FLOAT, second + k), sum);
    }
  }

  /** Each lane has its own lowest value and the column of that. */
  @Override
  public int lowest(MemorySegment matrix, long first, double factor, double[] x, double[] y) {
    DoubleVector least = DoubleVector.broadcast(Lanes.DOUBLES, Double.POSITIVE_INFINITY);
    DoubleVector columns = DoubleVector.zero(Lanes.DOUBLES);
    DoubleVector column = columns.addIndex(1);
    int whole = Lanes.DOUBLES.loopBound(x.length);
    for (int k = 0; k < whole; k += W) {
      DoubleVector next = load(x, k).mul(factor).fma(load(matrix, first + k), load(y, k));
      VectorMask<Double> lower = next.compare(VectorOperators.LT, least);
      least = least.blend(next, lower);
      columns = columns.blend(column, lower);
      column = column.add(W);
    }
    double value = least.reduceLanes(VectorOperators.MIN);
    VectorMask<Double> equal = least.compare(VectorOperators.EQ, value);
    int known =
        value < Double.POSITIVE_INFINITY
            ? (int) columns.reduceLanes(VectorOperators.MIN, equal)
            : 0;
    return ScalarRows.lowest(whole, known, value, matrix, first, factor, x, y);
  }

  @Override
  public void lowestPairs(double[] x, double[] less, double[] lowest) {
    for (int k = 0; k < lowest.length; k += W) {
      DoubleVector least = DoubleVector.broadcast(Lanes.DOUBLES, Double.POSITIVE_INFINITY);
      for (int at = k, other = k + 1; at < less.length; at += lowest.length, other++) {
        DoubleVector next = load(x, k).add(load(x, other)).sub(load(less, at));
        least = least.blend(next, next.compare(VectorOperators.LT, least));
      }
      least.intoArray(lowest, k);
    }
  }

  /** Most vectors hold no score below the limit, and their columns needn't be looked at. */
  @Override
  public void offer(double[] scores, LowestColumns lowest) {
    int whole = Lanes.DOUBLES.loopBound(scores.length);
    for (int k = 0; k < whole; k += W) {
      if (load(scores, k).compare(VectorOperators.LT, lowest.limit()).anyTrue()) {
        ScalarRows.offer(k, k + W, scores, lowest);
      }
    }
    ScalarRows.offer(whole, scores.length, scores, lowest);
  }

  private static DoubleVector load(double[] array, int at) {
    return Lanes.load(array, at);
  }

  private static DoubleVector load(float[] array, int at) {
    return wide(FloatVector.fromArray(Lanes.HALF_FLOATS, array, at));
  }

  private static DoubleVector load(MemorySegment floats, long at) {
    long byteAt = at * Float.BYTES;
    return wide(FloatVector.fromMemorySegment(Lanes.HALF_FLOATS, floats, byteAt, ORDER));
  }

  private static DoubleVector wide(FloatVector floats) {
    return (DoubleVector) floats.convertShape(VectorOperators.F2D, Lanes.DOUBLES, 0);
  }

  private static void store(DoubleVector doubles, float[] array, int at) {
    ((FloatVector) doubles.convertShape(VectorOperators.D2F, Lanes.HALF_FLOATS, 0))
        .intoArray(array, at);
  }
}
