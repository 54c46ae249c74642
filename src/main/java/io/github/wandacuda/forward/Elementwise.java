package io.github.wandacuda.forward;

/**
 * An operation on each element by itself: {@code f(x)}, as an {@link Activation} is, or {@code f(x,
 * y)}.
 */
public sealed interface Elementwise
    permits Activation,
        Elementwise.Gate,
        Elementwise.ClampedGate,
        Elementwise.Add,
        Elementwise.Scale,
        Elementwise.Clamp,
        Elementwise.Softcap,
        Elementwise.Xielu {
  /** Returns whether the operation takes a y beside the x. */
  default boolean takesTwo() {
    return this instanceof Gate || this instanceof ClampedGate || this instanceof Add;
  }

  /** The gate of a gated MLP: {@code activation(x) * y} (Shazeer, arXiv 2002.05202). */
  record Gate(Activation activation) implements Elementwise {}

  /**
   * The gate of gpt-oss (arXiv 2508.10925): {@code g * sigmoid(1.702 * g) * (u + 1)} with {@code g
   * = min(x, limit)} and {@code u = min(max(y, -limit), limit)}; NaN stays.
   *
   * @param limit more than 0
   */
  record ClampedGate(float limit) implements Elementwise {
    public ClampedGate {
      if (!(limit > 0)) {
        throw new IllegalArgumentException("limit %s".formatted(limit));
      }
    }
  }

  /** {@code x + y}. */
  record Add() implements Elementwise {}

  /** {@code x * factor}. */
  record Scale(float factor) implements Elementwise {}

  /**
   * {@code min(max(x, low), high)}; NaN stays.
   *
   * @param low at most {@code high}
   */
  record Clamp(float low, float high) implements Elementwise {
    public Clamp {
      if (!(low <= high)) {
        throw new IllegalArgumentException("from %s to %s".formatted(low, high));
      }
    }
  }

  /**
   * xIELU, an activation whose shape is learned (Huang and Schlag, arXiv 2411.13010): {@code
   * positive * x^2 + beta * x} where x is more than 0, else {@code negative * (exp(min(x, epsilon))
   * - 1 - x) + beta * x}.
   *
   * @param positive the learned factor of the part above 0
   * @param negative the learned factor of the part below 0
   * @param beta the factor of x in both parts
   * @param epsilon less than 0 and near it: the exponential takes no x above it
   */
  record Xielu(float positive, float negative, float beta, float epsilon) implements Elementwise {}

  /**
   * Bounds logits: {@code cap * tanh(x / cap)} (Gemma 2, arXiv 2408.00118, section 2).
   *
   * @param cap more than 0, finite
   */
  record Softcap(float cap) implements Elementwise {
    public Softcap {
      if (!(cap > 0) || Float.isInfinite(cap)) {
        throw new IllegalArgumentException("cap %s".formatted(cap));
      }
    }
  }
}
