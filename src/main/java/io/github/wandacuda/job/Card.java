package io.github.wandacuda.job;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * A GPU by what its kernels and its bus are taken to attain, which is less than its data sheet
 * says.
 *
 * @param name for people
 * @param memoryBytes its memory
 * @param busBytes bytes a second each way between it and pinned host memory
 * @param memoryRate bytes a second that kernels read and write
 * @param tensorRate operations a second of the linear layers' kernels, on 16-bit operands
 * @param floatRate operations a second of kernels that compute in float32
 */
public record Card(
    String name,
    long memoryBytes,
    double busBytes,
    double memoryRate,
    double tensorRate,
    double floatRate) {
  private static final double GIGA = 1e9;
  private static final double TERA = 1e12;

  /**
   * Four fifths of the data sheet's bandwidths, 45 % of its float32 rate, and 65 % of what {@code
   * mma.sync} can do: all of it on the one, 62 % on the other.
   */
  private static final List<Card> KNOWN =
      List.of(of("h100", 80, 50, 2680, 398, 30), of("rtx4090", 24, 25, 806, 107, 37));

  /**
   * Makes a card of numbers.
   *
   * @param memory GB
   * @param bus GB/s
   * @param rate of its memory, GB/s
   * @param tensor TFLOP/s
   * @param floats TFLOP/s
   */
  public static Card of(
      String name, double memory, double bus, double rate, double tensor, double floats) {
    return new Card(
        name, (long) (memory * GIGA), bus * GIGA, rate * GIGA, tensor * TERA, floats * TERA);
  }

  /** Returns the cards that have names. */
  public static List<Card> known() {
    return KNOWN;
  }

  /** Returns a card by its name. */
  public static Optional<Card> named(String name) {
    return KNOWN.stream()
        .filter(card -> card.name.equals(name.toLowerCase(Locale.ROOT)))
        .findFirst();
  }
}
