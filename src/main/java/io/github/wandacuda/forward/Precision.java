package io.github.wandacuda.forward;

import io.github.wandacuda.system.Labelled;
import java.util.Optional;

/**
 * How much of an activation counts where linear layers multiply 16-bit weights on tensor cores,
 * which take 16 bits of it at a time, or on a processor that does so.
 */
public enum Precision implements Labelled {
  /** One pass: activations are rounded to 11 bits, on a processor to 8. */
  FAST(1),

  /** Two passes, with the rounded activation and with what is left: 22 bits. */
  HIGH(2);

  /** The precision unless another one is asked for. */
  public static final Precision DEFAULT = HIGH;

  private final int passes;

  Precision(int passes) {
    this.passes = passes;
  }

  /** Returns how often tensor cores go through a weight, each time with 16 bits of activations. */
  public int passes() {
    return passes;
  }

  /**
   * Returns in a word how linear layers multiply.
   *
   * @param precision nothing where they multiply in float32
   */
  public static String label(Optional<Precision> precision) {
    return precision.map(Precision::label).orElse("float32");
  }
}
