package io.github.wandacuda.forward.simd;

import io.github.wandacuda.forward.reference.CpuForwardKernels;
import io.github.wandacuda.forward.reference.CpuTensor;
import io.github.wandacuda.forward.reference.Tanh;
import io.github.wandacuda.simd.Lanes;
import jdk.incubator.vector.FloatVector;

/**
 * What is done to each element by itself, on vectors; those after the last whole one one by one.
 */
final class VectorElementwise {
  private VectorElementwise() {}

  /** As {@link CpuForwardKernels#add}. */
  static void add(CpuTensor x, CpuTensor y, int from, int to) {
    add(x.data(), x.at(from), y.data(), y.at(from), (to - from) * x.columns());
  }

  /** As {@link CpuForwardKernels#scale}. */
  static void scale(CpuTensor x, float factor, int from, int to) {
    scale(x.data(), x.at(from), factor, (to - from) * x.columns());
  }

  /** As {@link CpuForwardKernels#softcap}. */
  static void softcap(CpuTensor x, float cap, int from, int to) {
    softcap(x.data(), x.at(from), cap, (to - from) * x.columns());
  }

  private static void add(float[] x, int xAt, float[] y, int yAt, int count) {
    int whole = Lanes.FLOATS.loopBound(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      load(x, xAt + i).add(load(y, yAt + i)).intoArray(x, xAt + i);
    }
    for (int i = whole; i < count; i++) {
      x[xAt + i] += y[yAt + i];
    }
  }

  private static void scale(float[] x, int at, float factor, int count) {
    int whole = Lanes.FLOATS.loopBound(count);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      load(x, at + i).mul(factor).intoArray(x, at + i);
    }
    for (int i = whole; i < count; i++) {
      x[at + i] *= factor;
    }
  }

  private static void softcap(float[] x, int at, float cap, int count) {
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

  private static FloatVector load(float[] array, int at) {
    return FloatVector.fromArray(Lanes.FLOATS, array, at);
  }
}
