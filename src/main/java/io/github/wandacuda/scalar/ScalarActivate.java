package io.github.wandacuda.scalar;

import io.github.wandacuda.forward.Activation;

/**
 * {@link Activation}s, alone and as the gate of a gated MLP, as plain loops: the specification of
 * their arithmetic. Each operation that is written out is rounded to float32. The activations with
 * a sigmoid are {@code x / (1 + exp(-u))}, with u as the kind says; GELU is {@code x * p}, where p
 * is the {@link NormalTail} of |x| for negative x, else 1 minus that. As in PyTorch, -Infinity
 * becomes NaN, except with RELU.
 */
public final class ScalarActivate {
  /** The factor of QUICK_GELU. */
  public static final float QUICK = 1.702f;

  /** 2 * sqrt(2 / pi), of GELU_TANH. */
  public static final float TWICE_ROOT = 0x1.988454p0f;

  /** The cubic term's factor, of GELU_TANH. */
  public static final float CUBIC = 0.044715f;

  private ScalarActivate() {}

  /** Returns activation(x). */
  public static float of(Activation activation, float x) {
    return switch (activation) {
      case SILU -> x / (1f + Exponential.exp(-x));
      case QUICK_GELU -> x / (1f + Exponential.exp(-(QUICK * x)));
      case GELU_TANH -> x / (1f + Exponential.exp(-(TWICE_ROOT * Math.fma(CUBIC * x * x, x, x))));
      case GELU -> {
        float tail = NormalTail.of(Math.abs(x));
        yield x * (x < 0 ? tail : 1f - tail);
      }
      case RELU -> x < 0 ? 0f : x;
    };
  }

  /** See {@link CpuForwardKernels#activate}. */
  static void activate(Activation activation, CpuTensor x, CpuTensor out, int from, int to) {
    int count = (to - from) * x.columns();
    for (int i = 0; i < count; i++) {
      out.data()[out.at(from) + i] = of(activation, x.data()[x.at(from) + i]);
    }
  }

  /** See {@link CpuForwardKernels#gate}. */
  static void gate(
      Activation activation, CpuTensor gate, CpuTensor up, CpuTensor out, int from, int to) {
    int count = (to - from) * gate.columns();
    for (int i = 0; i < count; i++) {
      float activated = of(activation, gate.data()[gate.at(from) + i]);
      out.data()[out.at(from) + i] = activated * up.data()[up.at(from) + i];
    }
  }
}
