package io.github.wandacuda.calibration;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.Decoder;
import java.util.Collection;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;

/**
 * Perplexity over windows of text: exp of the mean over windows of the mean next-token negative
 * log-likelihood within a window (how Wanda, arXiv 2306.11695, section 4, measures it on
 * WikiText-2).
 */
public final class Perplexity {
  private Perplexity() {}

  /**
   * Runs a decoder over windows and returns the perplexity.
   *
   * @param windows token ids; windows of different lengths are run length by length
   * @throws InputException if a loss or the perplexity isn't finite; it names the module, row and
   *     column of the first value that isn't
   */
  public static double of(Decoder decoder, List<int[]> windows, Progress progress) {
    TextPass pass = new TextPass(decoder, windows, progress);
    DoubleStream.Builder losses = DoubleStream.builder();
    for (List<int[]> group : pass.groups()) {
      try (BlockwiseRun run = pass.run(group)) {
        pass.losses(group, run).forEach(losses);
      }
    }
    return ofFinite(losses.build().toArray());
  }

  /** Returns the perplexity of windows whose losses are finite; it may be beyond float64. */
  static double ofFinite(double[] losses) {
    double perplexity = of(losses);
    if (!Double.isFinite(perplexity)) {
      throw ErrorDetails.of("perplexity")
          .wrong("a mean loss whose exponential is finite", mean(losses));
    }
    return perplexity;
  }

  /**
   * Groups windows by their length, the shortest first: a {@link BlockwiseRun} takes samples of one
   * length only.
   */
  public static Collection<List<int[]>> byLength(List<int[]> windows) {
    return windows.stream()
        .collect(Collectors.groupingBy(w -> w.length, TreeMap::new, Collectors.toList()))
        .values();
  }

  /**
   * Returns the perplexity of windows whose losses are known.
   *
   * @param losses the mean next-token negative log-likelihood within each window, in nats; not
   *     always finite
   */
  public static double of(double[] losses) {
    return Math.exp(mean(losses));
  }

  private static double mean(double[] losses) {
    double sum = 0;
    for (double loss : losses) {
      sum += loss;
    }
    return sum / losses.length;
  }
}
