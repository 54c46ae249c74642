package io.github.wandacuda.scalar;

/** The products as plain loops, the specification of every other implementation. */
public final class ScalarHeadProducts implements HeadProducts {
  @Override
  public void products(
      float[] row, int at, int size, float[] turned, int stride, int first, int end, float[] to) {
    for (int j = first; j < end; j++) {
      float sum = 0;
      for (int i = 0; i < size; i++) {
        sum = Math.fma(row[at + i], turned[i * stride + j], sum);
      }
      to[j] = sum;
    }
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
    addWeighted(weights, first, end, keys, from, stride, 0, size, to, toAt);
  }

  /** Does the same for features {@code begin} to {@code size - 1}. */
  public static void addWeighted(
      float[] weights,
      int first,
      int end,
      float[] keys,
      int from,
      int stride,
      int begin,
      int size,
      float[] to,
      int toAt) {
    for (int i = begin; i < size; i++) {
      float sum = to[toAt + i];
      for (int j = first; j < end; j++) {
        sum = Math.fma(weights[j], keys[from + j * stride + i], sum);
      }
      to[toAt + i] = sum;
    }
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
    for (int j = first; j < end; j++) {
      int key = from + j * stride;
      for (int i = 0; i < size; i++) {
        keys[key + i] = Math.fma(weights[j], row[at + i], keys[key + i]);
      }
    }
  }
}
