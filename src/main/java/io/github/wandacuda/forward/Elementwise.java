package io.github.wandacuda.forward;

/**
 * An operation on each element by itself: {@code f(x)}, as an {@link Activation} is, or {@code f(x,
 * y)}.
 */
public sealed interface Elementwise
    permits Activation, Elementwise.Gate, Elementwise.Add, Elementwise.Scale, Elementwise.Softcap {
  /** Returns whether there is a y. */
  default boolean takesTwo() {
    return this instanceof Gate || this instanceof Add;
  }

  /** The gate of a gated MLP: {@code activation(x) * y} (Shazeer, arXiv 2002.05202). */
  record Gate(Activation activation) implements Elementwise {}

  /** {@code x + y}. */
  record Add() implements Elementwise {}

  /** {@code x * factor}. */
  record Scale(float factor) implements Elementwise {}

  /**
   * Bounds logits: {@code cap * tanh(x / cap)} (Gemma 2, arXiv 2408.00118, section 2).
   *
   * @param cap more than 0, finite
   */
  record Softcap(float cap) implements Elementwise {
    /** Checks the cap. */
    public Softcap {
      if (!(cap > 0) || Float.isInfinite(cap)) {
        throw new IllegalArgumentException("cap %s".formatted(cap));
      }
    }
  }
}
