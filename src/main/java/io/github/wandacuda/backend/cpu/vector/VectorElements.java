package io.github.wandacuda.backend.cpu.vector;

import io.github.wandacuda.backend.cpu.Exponential;
import jdk.incubator.vector.FloatVector;

/** Kernels that treat each element by itself; those after the last whole vector one by one. */
final class VectorElements {
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

  static void siluMultiply(
      float[] gate, int gateAt, float[] up, int upAt, float[] out, int outAt, int count) {
    int whole = Lanes.FLOATS.loopBound(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      FloatVector g = load(gate, gateAt + i);
      FloatVector silu = g.div(VectorExponential.exp(g.neg()).add(1f));
      silu.mul(load(up, upAt + i)).intoArray(out, outAt + i);
    }
    for (int i = whole; i < count; i++) {
      float g = gate[gateAt + i];
      float silu = g / (1f + Exponential.exp(-g));
      out[outAt + i] = silu * up[upAt + i];
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

  /** Adds the squares of as many elements as {@code sums} has. */
  static void addSquares(float[] x, int at, float[] sums) {
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
