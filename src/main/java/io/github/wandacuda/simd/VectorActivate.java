package io.github.wandacuda.simd;

import static io.github.wandacuda.scalar.NormalTail.C0;
import static io.github.wandacuda.scalar.NormalTail.C1;
import static io.github.wandacuda.scalar.NormalTail.C2;
import static io.github.wandacuda.scalar.NormalTail.C3;
import static io.github.wandacuda.scalar.NormalTail.C4;
import static io.github.wandacuda.scalar.NormalTail.C5;
import static io.github.wandacuda.scalar.NormalTail.C6;
import static io.github.wandacuda.scalar.NormalTail.C7;
import static io.github.wandacuda.scalar.NormalTail.C8;
import static io.github.wandacuda.scalar.NormalTail.C9;
import static io.github.wandacuda.scalar.NormalTail.RATE;
import static io.github.wandacuda.scalar.ScalarActivate.CUBIC;
import static io.github.wandacuda.scalar.ScalarActivate.QUICK;
import static io.github.wandacuda.scalar.ScalarActivate.TWICE_ROOT;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.NormalTail;
import io.github.wandacuda.scalar.ScalarActivate;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * {@link ScalarActivate} on vectors, operation by operation. Each kind has a loop of its own, so
 * that the JIT compiles it without a branch inside.
 */
final class VectorActivate {
  private VectorActivate() {}

  private static FloatVector constant(float value) {
    return FloatVector.broadcast(Lanes.FLOATS, value);
  }

  /** See {@link CpuForwardKernels#activate}. */
  static void activate(Activation activation, CpuTensor x, CpuTensor out, int from, int to) {
    gate(
        activation,
        x.data(),
        x.at(from),
        null,
        0,
        out.data(),
        out.at(from),
        (to - from) * x.columns());
  }

  /** See {@link CpuForwardKernels#gate}. */
  static void gate(
      Activation activation, CpuTensor gate, CpuTensor up, CpuTensor out, int from, int to) {
    gate(
        activation,
        gate.data(),
        gate.at(from),
        up.data(),
        up.at(from),
        out.data(),
        out.at(from),
        (to - from) * gate.columns());
  }

  /**
   * Computes {@code out = activation(x) * up}.
   *
   * @param up null for 1
   */
  private static void gate(
      Activation activation,
      float[] x,
      int xAt,
      float[] up,
      int upAt,
      float[] out,
      int outAt,
      int count) {
    int whole = Lanes.FLOATS.loopBound(count);
    switch (activation) {
      case SILU -> {
        for (int i = 0; i < whole; i += Lanes.COUNT) {
          FloatVector value = load(x, xAt + i);
          store(sigmoid(value, value), up, upAt + i, out, outAt + i);
        }
      }
      case QUICK_GELU -> {
        for (int i = 0; i < whole; i += Lanes.COUNT) {
          FloatVector value = load(x, xAt + i);
          store(sigmoid(value, value.mul(QUICK)), up, upAt + i, out, outAt + i);
        }
      }
      case GELU_TANH -> {
        for (int i = 0; i < whole; i += Lanes.COUNT) {
          FloatVector value = load(x, xAt + i);
          FloatVector cubic = value.mul(CUBIC).mul(value).fma(value, value);
          store(sigmoid(value, cubic.mul(TWICE_ROOT)), up, upAt + i, out, outAt + i);
        }
      }
      case GELU -> {
        for (int i = 0; i < whole; i += Lanes.COUNT) {
          store(gelu(load(x, xAt + i)), up, upAt + i, out, outAt + i);
        }
      }
      case RELU -> {
        for (int i = 0; i < whole; i += Lanes.COUNT) {
          FloatVector value = load(x, xAt + i);
          FloatVector positive = value.blend(0f, value.compare(VectorOperators.LT, 0f));
          store(positive, up, upAt + i, out, outAt + i);
        }
      }
    }
    for (int i = whole; i < count; i++) {
      float value = ScalarActivate.of(activation, x[xAt + i]);
      out[outAt + i] = up == null ? value : value * up[upAt + i];
    }
  }

  /** Returns x / (1 + exp(-u)). */
  private static FloatVector sigmoid(FloatVector x, FloatVector u) {
    return x.div(VectorExponential.exp(u.neg()).add(1f));
  }

  private static FloatVector gelu(FloatVector x) {
    FloatVector tail = normalTail(x.abs());
    FloatVector rest = constant(1f).sub(tail);
    return x.mul(rest.blend(tail, x.compare(VectorOperators.LT, 0f)));
  }

  /** {@link NormalTail}, operation by operation. */
  private static FloatVector normalTail(FloatVector a) {
    FloatVector t = constant(1f).div(a.fma(constant(RATE), constant(1f)));
    FloatVector q = constant(C9).fma(t, constant(C8));
    q = q.fma(t, constant(C7));
    q = q.fma(t, constant(C6));
    q = q.fma(t, constant(C5));
    q = q.fma(t, constant(C4));
    q = q.fma(t, constant(C3));
    q = q.fma(t, constant(C2));
    q = q.fma(t, constant(C1));
    q = q.fma(t, constant(C0));
    return VectorExponential.exp(a.mul(-0.5f).mul(a)).mul(t.mul(q));
  }

  private static void store(FloatVector value, float[] up, int upAt, float[] out, int outAt) {
    (up == null ? value : value.mul(load(up, upAt))).intoArray(out, outAt);
  }

  private static FloatVector load(float[] array, int at) {
    return FloatVector.fromArray(Lanes.FLOATS, array, at);
  }
}
