package io.github.wandacuda.simd;

import static io.github.wandacuda.scalar.Tanh.C11;
import static io.github.wandacuda.scalar.Tanh.C3;
import static io.github.wandacuda.scalar.Tanh.C5;
import static io.github.wandacuda.scalar.Tanh.C7;
import static io.github.wandacuda.scalar.Tanh.C9;
import static io.github.wandacuda.scalar.Tanh.SMALL;

import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Tanh;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Operations on each element by itself, on vectors; the elements after the last whole vector are
 * computed one by one.
 */
final class VectorElementwise {
  private VectorElementwise() {}

  /** See {@link CpuForwardKernels#add}. */
  static void add(CpuTensor x, CpuTensor y, int from, int to) {
    add(x.data(), x.at(from), y.data(), y.at(from), (to - from) * x.columns());
  }

  /** See {@link CpuForwardKernels#scale}. */
  static void scale(CpuTensor x, float factor, int from, int to) {
    scale(x.data(), x.at(from), factor, (to - from) * x.columns());
  }

  /** See {@link CpuForwardKernels#softcap}. */
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

  /** {@link Tanh} on vectors, operation by operation. */
  private static final class VectorTanh {
    private static final int SIGN = 0x8000_0000;

    private VectorTanh() {}

    private static FloatVector constant(float value) {
      return FloatVector.broadcast(Lanes.FLOATS, value);
    }

    /** Returns tanh(x) of each element. */
    static FloatVector of(FloatVector x) {
      FloatVector size = x.abs();
      FloatVector square = x.mul(x);
      FloatVector p = constant(C11).fma(square, constant(C9));
      p = p.fma(square, constant(C7));
      p = p.fma(square, constant(C5));
      p = p.fma(square, constant(C3));
      FloatVector small = p.mul(square).fma(x, x);
      FloatVector rest = constant(2f).div(VectorExponential.exp(size.add(size)).add(1f));
      FloatVector large =
          constant(1f)
              .sub(rest)
              .reinterpretAsInts()
              .or(x.reinterpretAsInts().and(SIGN))
              .reinterpretAsFloats();
      return large.blend(small, size.compare(VectorOperators.LT, SMALL));
    }
  }
}
