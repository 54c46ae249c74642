package io.github.wandacuda.backend.cpu.vector;

import io.github.wandacuda.backend.cpu.Tanh;
import jdk.incubator.vector.FloatVector;

/** Kernels that treat each element by itself; those after the last whole vector one by one. */
final class VectorElements {
  /** Rows whose squares are added at a time. */
  private static final int ROWS = 8;

  private VectorElements() {}

  /** Rotates one head's halves, {@code half} elements each. */
  static void rotate(float[] x, int at, int half, float[] cos, int cosAt, float[] sin, int sinAt) {
    int whole = Lanes.FLOATS.loopBound(half);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      FloatVector c = load(cos, cosAt + i);
      FloatVector s = load(sin, sinAt + i);
      FloatVector a = load(x, at + i);
      FloatVector b = load(x, at + half + i);
      a.mul(c).sub(b.mul(s)).intoArray(x, at + i);
      b.mul(c).add(a.mul(s)).intoArray(x, at + half + i);
    }
    for (int i = whole; i < half; i++) {
      float c = cos[cosAt + i];
      float s = sin[sinAt + i];
      float a = x[at + i];
      float b = x[at + half + i];
      x[at + i] = a * c - b * s;
      x[at + half + i] = b * c + a * s;
    }
  }

  static void scale(float[] x, int at, float factor, int count) {
    int whole = Lanes.FLOATS.loopBound(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      load(x, at + i).mul(factor).intoArray(x, at + i);
    }
    for (int i = whole; i < count; i++) {
      x[at + i] *= factor;
    }
  }

  static void softcap(float[] x, int at, float cap, int count) {
    int whole = Lanes.FLOATS.loopBound(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      softcap(load(x, at + i), cap).intoArray(x, at + i);
    }
    for (int i = whole; i < count; i++) {
      x[at + i] = cap * Tanh.of(x[at + i] / cap);
    }
  }

  /** Returns cap * tanh(x / cap). */
  static FloatVector softcap(FloatVector x, float cap) {
    return VectorTanh.of(x.div(cap)).mul(cap);
  }

  static void addScaled(float[] x, int xAt, float factor, float[] sum, int sumAt, int count) {
    int whole = Lanes.FLOATS.loopBound(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      load(sum, sumAt + i).add(load(x, xAt + i).mul(factor)).intoArray(sum, sumAt + i);
    }
    for (int i = whole; i < count; i++) {
      sum[sumAt + i] += factor * x[xAt + i];
    }
  }

  static void add(float[] x, int xAt, float[] y, int yAt, int count) {
    int whole = Lanes.FLOATS.loopBound(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      load(x, xAt + i).add(load(y, yAt + i)).intoArray(x, xAt + i);
    }
    for (int i = whole; i < count; i++) {
      x[xAt + i] += y[yAt + i];
    }
  }

  /**
   * Adds the squares of some rows, one after the other, to as many sums as there are columns. Eight
   * rows at a time: their sum stays in a register meanwhile.
   *
   * @param stride elements from a row to the next
   */
  static void addSquares(float[] x, int at, int stride, int rows, float[] sums) {
    int whole = rows / ROWS * ROWS;
    for (int row = 0; row < whole; row += ROWS) {
      addEightSquares(x, at + row * stride, stride, sums);
    }
    for (int row = whole; row < rows; row++) {
      addSquares(x, at + row * stride, sums);
    }
  }

  private static void addEightSquares(float[] x, int at, int stride, float[] sums) {
    int whole = Lanes.FLOATS.loopBound(sums.length);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      int from = at + i;
      FloatVector sum = load(sums, i).add(square(x, from)).add(square(x, from + stride));
      sum = sum.add(square(x, from + 2 * stride)).add(square(x, from + 3 * stride));
      sum = sum.add(square(x, from + 4 * stride)).add(square(x, from + 5 * stride));
      sum = sum.add(square(x, from + 6 * stride)).add(square(x, from + 7 * stride));
      sum.intoArray(sums, i);
    }
    for (int i = whole; i < sums.length; i++) {
      for (int row = 0; row < ROWS; row++) {
        float value = x[at + row * stride + i];
        sums[i] += value * value;
      }
    }
  }

  private static FloatVector square(float[] x, int at) {
    FloatVector value = load(x, at);
    return value.mul(value);
  }

  private static void addSquares(float[] x, int at, float[] sums) {
    int whole = Lanes.FLOATS.loopBound(sums.length);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      FloatVector value = load(x, at + i);
      load(sums, i).add(value.mul(value)).intoArray(sums, i);
    }
    for (int i = whole; i < sums.length; i++) {
      sums[i] += x[at + i] * x[at + i];
    }
  }

  private static FloatVector load(float[] array, int at) {
    return FloatVector.fromArray(Lanes.FLOATS, array, at);
  }
}
