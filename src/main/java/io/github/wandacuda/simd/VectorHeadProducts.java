package io.github.wandacuda.simd;

import io.github.wandacuda.scalar.HeadProducts;
import io.github.wandacuda.scalar.ScalarHeadProducts;
import jdk.incubator.vector.FloatVector;

/**
 * The products on vectors: of neighbouring keys where a row is multiplied with them, of
 * neighbouring features elsewhere. Four vectors of sums stay in registers at a time. What is left
 * over is computed element by element.
 */
public final class VectorHeadProducts implements HeadProducts {
  private static final int W = Lanes.COUNT;

  /** Elements of the sums that stay in registers. */
  private static final int TILE = 4 * W;

  private static final HeadProducts SCALAR = new ScalarHeadProducts();

  @Override
  public void products(
      float[] row, int at, int size, float[] turned, int stride, int first, int end, float[] to) {
    int j = first;
    for (; j + TILE <= end; j += TILE) {
      FloatVector sum0 = FloatVector.zero(Lanes.FLOATS);
      FloatVector sum1 = sum0;
      FloatVector sum2 = sum0;
      FloatVector sum3 = sum0;
      for (int i = 0; i < size; i++) {
        FloatVector factor = Lanes.constant(row[at + i]);
        int from = i * stride + j;
        sum0 = factor.fma(Lanes.load(turned, from), sum0);
        sum1 = factor.fma(Lanes.load(turned, from + W), sum1);
        sum2 = factor.fma(Lanes.load(turned, from + 2 * W), sum2);
        sum3 = factor.fma(Lanes.load(turned, from + 3 * W), sum3);
      }
      sum0.intoArray(to, j);
      sum1.intoArray(to, j + W);
      sum2.intoArray(to, j + 2 * W);
      sum3.intoArray(to, j + 3 * W);
    }
    for (; j + W <= end; j += W) {
      FloatVector sum = FloatVector.zero(Lanes.FLOATS);
      for (int i = 0; i < size; i++) {
        sum = Lanes.constant(row[at + i]).fma(Lanes.load(turned, i * stride + j), sum);
      }
      sum.intoArray(to, j);
    }
    SCALAR.products(row, at, size, turned, stride, j, end, to);
  }

  @Override
  public void addWeighted(
      float[] weights,
      int first,
      int end,
      float[] keys,
      int from,
      int stride,
      int size,
      float[] to,
      int toAt) {
    int i = 0;
    for (; i + TILE <= size; i += TILE) {
      FloatVector sum0 = Lanes.load(to, toAt + i);
      FloatVector sum1 = Lanes.load(to, toAt + i + W);
      FloatVector sum2 = Lanes.load(to, toAt + i + 2 * W);
      FloatVector sum3 = Lanes.load(to, toAt + i + 3 * W);
      for (int j = first; j < end; j++) {
        FloatVector weight = Lanes.constant(weights[j]);
        int key = from + j * stride + i;
        sum0 = weight.fma(Lanes.load(keys, key), sum0);
        sum1 = weight.fma(Lanes.load(keys, key + W), sum1);
        sum2 = weight.fma(Lanes.load(keys, key + 2 * W), sum2);
        sum3 = weight.fma(Lanes.load(keys, key + 3 * W), sum3);
      }
      sum0.intoArray(to, toAt + i);
      sum1.intoArray(to, toAt + i + W);
      sum2.intoArray(to, toAt + i + 2 * W);
      sum3.intoArray(to, toAt + i + 3 * W);
    }
    for (; i + W <= size; i += W) {
      FloatVector sum = Lanes.load(to, toAt + i);
      for (int j = first; j < end; j++) {
        sum = Lanes.constant(weights[j]).fma(Lanes.load(keys, from + j * stride + i), sum);
      }
      sum.intoArray(to, toAt + i);
    }
    ScalarHeadProducts.addWeighted(weights, first, end, keys, from, stride, i, size, to, toAt);
  }

  @Override
  public void spread(
      float[] weights,
      int first,
      int end,
      float[] row,
      int at,
      int size,
      float[] keys,
      int from,
      int stride) {
    int whole = Lanes.FLOATS.loopBound(size);
    for (int i = 0; i < whole; i += W) {
      FloatVector features = Lanes.load(row, at + i);
      for (int j = first; j < end; j++) {
        int key = from + j * stride + i;
        features.fma(Lanes.constant(weights[j]), Lanes.load(keys, key)).intoArray(keys, key);
      }
    }
    if (whole < size) {
      int rest = size - whole;
      SCALAR.spread(weights, first, end, row, at + whole, rest, keys, from + whole, stride);
    }
  }
}
