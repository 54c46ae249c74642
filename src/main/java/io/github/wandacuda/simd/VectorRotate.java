package io.github.wandacuda.simd;

import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import jdk.incubator.vector.FloatVector;

/**
 * Rotary position embedding on vectors; the pairs after the last whole vector are rotated one by
 * one.
 */
final class VectorRotate {
  private VectorRotate() {}

  /** See {@link CpuForwardKernels#rotate}. */
  static void rotate(CpuTensor x, int headSize, CpuTensor cos, CpuTensor sin, int from, int to) {
    for (int row = from; row < to; row++) {
      int position = row % cos.rows();
      int end = x.at(row) + x.columns();
      for (int head = x.at(row); head < end; head += headSize) {
        head(
            x.data(),
            head,
            cos.columns(),
            cos.data(),
            cos.at(position),
            sin.data(),
            sin.at(position));
      }
    }
  }

  /** Rotates one head's halves, {@code half} elements each. */
  private static void head(
      float[] x, int at, int half, float[] cos, int cosAt, float[] sin, int sinAt) {
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

  private static FloatVector load(float[] array, int at) {
    return FloatVector.fromArray(Lanes.FLOATS, array, at);
  }
}
