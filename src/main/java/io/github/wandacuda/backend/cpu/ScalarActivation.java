package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.Activation;

/**
 * {@link Activation}s of one number, the specification of every kernel's: each operation that is
 * written out is rounded to float32. Those with a sigmoid are {@code x / (1 + exp(-u))}, with u as
 * the kind has it; GELU is {@code x * p}, with p the {@link NormalTail} of |x| where x is negative,
 * else 1 less that. As in PyTorch, -Infinity becomes NaN, except by RELU.
 */
public final class ScalarActivation {
  /** Of QUICK_GELU. */
  public static final float QUICK = 1.702f;

  /** 2 * sqrt(2 / pi), of GELU_TANH. */
  public static final float TWICE_ROOT = 0x1.988454p0f;

  /** The cubic term's factor, of GELU_TANH. */
  public static final float CUBIC = 0.044715f;

  private ScalarActivation() {}

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
}
