package io.github.wandacuda.job.compare;

import io.github.wandacuda.evaluate.CachedDecoder;
import io.github.wandacuda.evaluate.Generation;
import io.github.wandacuda.evaluate.Sampler;
import java.util.Arrays;
import java.util.Set;

/**
 * The tokens a second of a model that generates, and how far its measurements lie apart.
 *
 * @param median of the rounds
 * @param least of the slowest round
 * @param most of the fastest one
 * @param dense the median of the dense model, which was measured in turns with it
 */
public record DecodingSpeed(double median, double least, double most, double dense) {
  /** New tokens of a generation, the first of which isn't timed. */
  private static final int TOKENS = 32;

  private static final int ROUNDS = 7;
  private static final long ROUND_NANOS = 200_000_000L;

  /** Until then both models generate untimed, so that code is compiled and caches are filled. */
  private static final long WARM_NANOS = 2_000_000_000L;

  /** Returns the tokens that a model needs room for, of as many positions as it has. */
  static int length(int positions) {
    return Math.min(1 + TOKENS, positions);
  }

  /**
   * Measures a model and the dense one in turns.
   *
   * @param model with room for {@link #length}
   * @param dense the same one, if that is measured
   * @param prompt a token
   * @param length 3 or more
   */
  static DecodingSpeed measure(CachedDecoder model, CachedDecoder dense, int prompt, int length) {
    long end = System.nanoTime() + WARM_NANOS;
    while (System.nanoTime() < end) {
      double unused = round(model, prompt, length, 0) + round(dense, prompt, length, 0);
    }
    double[] speeds = new double[ROUNDS];
    double[] denseSpeeds = new double[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
      speeds[round] = round(model, prompt, length, ROUND_NANOS);
      denseSpeeds[round] =
          model == dense ? speeds[round] : round(dense, prompt, length, ROUND_NANOS);
    }
    Arrays.sort(speeds);
    Arrays.sort(denseSpeeds);
    return new DecodingSpeed(
        speeds[ROUNDS / 2], speeds[0], speeds[ROUNDS - 1], denseSpeeds[ROUNDS / 2]);
  }

  /** Generates for some time, once at least, and returns the tokens a second. */
  private static double round(CachedDecoder model, int prompt, int length, long nanos) {
    long end = System.nanoTime() + nanos;
    double seconds = 0;
    long steps = 0;
    do {
      model.truncate(0);
      Generation generation =
          Generation.run(
              model, new int[] {prompt}, length - 1, Sampler.GREEDY, Set.of(), unused -> {});
      seconds += generation.decodeSeconds();
      steps += generation.steps();
    } while (System.nanoTime() < end);
    return steps / seconds;
  }

  /** Returns the median, the spread, and how many times as fast as the dense model it is. */
  public String text() {
    return "%.1f (%.1f to %.1f), %.2f x dense".formatted(median, least, most, median / dense);
  }
}
