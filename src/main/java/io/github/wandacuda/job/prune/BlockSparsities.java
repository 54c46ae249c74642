package io.github.wandacuda.job.prune;

import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/**
 * Shares a total sparsity out over the blocks of a decoder. A rule gives each block an offset from
 * the total. The offsets' mean, weighted by the blocks' numbers of weights, is subtracted, so that
 * as many weights are pruned as if all blocks had the total. A block whose sparsity would leave [0,
 * 1) gets the nearest value inside; the others share the rest in equal parts of their weights, so
 * that the total still holds.
 *
 * <p>Blocks are in the decoder's order. If all blocks look the same to a rule, each gets the total.
 */
final class BlockSparsities {
  /** DLP's strengths in its authors' scripts: pairs of a total and its strength. */
  private static final double[][] DLP_ALPHAS = {{0.5, 0.04}, {0.6, 0.10}, {0.7, 0.15}};

  /** OWL's strength in its authors' runs at 70 %. */
  public static final double OWL_LAMBDA = 0.08;

  private static final double LARGEST = Math.nextDown(1.0);

  private final double total;
  private final double[] shares;

  /**
   * Prepares a decoder.
   *
   * @param total the share of all weights that is pruned, at least 0 and less than 1
   * @param elements the number of weights of each block
   * @throws IllegalArgumentException if a block or all have no weight
   */
  public BlockSparsities(double total, long... elements) {
    if (elements.length == 0 || Arrays.stream(elements).anyMatch(count -> count < 1)) {
      throw new IllegalArgumentException("blocks of " + Arrays.toString(elements) + " weights");
    }
    this.total = total;
    double all = Arrays.stream(elements).asDoubleStream().sum();
    shares = Arrays.stream(elements).mapToDouble(count -> count / all).toArray();
  }

  public double[] uniform() {
    return map(shares, share -> total);
  }

  /**
   * Returns the largest step of {@link #atp} that leaves every block in [0, 1]: {@code min(total /
   * m, (1 - total) / (blocks - 1 - m))} with m the mean of the blocks' numbers from 0; for blocks
   * of one size that is {@code min(2 total, 2 (1 - total)) / (blocks - 1)}. It is 0 for a single
   * block.
   *
   * @return 0 or more
   */
  public double largestBeta() {
    if (shares.length == 1) {
      return 0;
    }
    double middle = mean(numbers());
    return Math.min(total / middle, (1 - total) / (shares.length - 1 - middle));
  }

  /**
   * Returns sparsities that rise from block to block in equal steps (ATP: Huang et al.,
   * "Determining Layer-wise Sparsity for Large Language Models Through a Theoretical Perspective",
   * 2025): {@code total + beta (l - m)} for block l from 0, with m the mean of l.
   *
   * @param beta the step, from 0 to {@link #largestBeta}
   * @return one for each block, in [0, 1)
   */
  public double[] atp(double beta) {
    return around(map(numbers(), number -> beta * number));
  }

  /**
   * Returns the strength of {@link #dlp} for the total: 0.04 at 50 %, 0.10 at 60 % and 0.15 at 70
   * %, as its authors' scripts have it; on the lines between these here, and as at the nearest of
   * them beyond.
   */
  public double dlpAlpha() {
    double[] last = DLP_ALPHAS[0];
    for (double[] next : DLP_ALPHAS) {
      if (total <= next[0]) {
        double way = next[0] == last[0] ? 0 : Math.max(0, (total - last[0]) / (next[0] - last[0]));
        return last[1] + way * (next[1] - last[1]);
      }
      last = next;
    }
    return last[1];
  }

  /**
   * Returns sparsities that are higher where the mean score is higher (DLP: Chen et al., "DLP:
   * Dynamic Layerwise Pruning in Large Language Models", 2025; by means, as their code has it). The
   * densities 1 - sparsity of the two extreme blocks differ by 2 alpha: {@code (max - S) / (max -
   * min) * 2 alpha}, less the mean of it over the blocks.
   *
   * @param means the mean score S of each block, see {@link BlockScores}
   * @param alpha the strength, 0 or more, see {@link #dlpAlpha}
   * @return one for each block, in [0, 1)
   */
  public double[] dlp(double[] means, double alpha) {
    return around(map(stretched(means), place -> 2 * alpha * place));
  }

  /**
   * Returns sparsities that are lower where more scores are outliers (OWL: Yin et al., arXiv
   * 2310.05175, section 3.2). The densities 1 - sparsity of the two extreme blocks differ by 2
   * lambda: {@code (D - min) / (max - min) * 2 lambda}, less the mean of it over the blocks.
   *
   * @param outliers the share D of outliers in each block, see {@link BlockScores}
   * @param lambda the strength, 0 or more, see {@link #OWL_LAMBDA}
   * @return one for each block, in [0, 1)
   */
  public double[] owl(double[] outliers, double lambda) {
    return around(map(stretched(outliers), place -> -2 * lambda * place));
  }

  private double[] numbers() {
    return IntStream.range(0, shares.length).asDoubleStream().toArray();
  }

  /** Maps values to [0, 1], the lowest to 0 and the highest to 1; equal ones all to 0. */
  private static double[] stretched(double[] values) {
    double low = Arrays.stream(values).min().getAsDouble();
    double span = Arrays.stream(values).max().getAsDouble() - low;
    return map(values, value -> span == 0 ? 0 : (value - low) / span);
  }

  private static double[] map(double[] values, DoubleUnaryOperator function) {
    return Arrays.stream(values).map(function).toArray();
  }

  private double mean(double[] values) {
    double sum = 0;
    for (int block = 0; block < values.length; block++) {
      sum += shares[block] * values[block];
    }
    return sum;
  }

  /** Returns offsets, moved together so that their mean within [0, 1) is the total. */
  private double[] around(double[] offsets) {
    if (Arrays.stream(offsets).allMatch(offset -> offset == offsets[0])) {
      return uniform();
    }
    double shift = total - mean(offsets);
    boolean fits =
        Arrays.stream(offsets).allMatch(offset -> offset + shift >= 0 && offset + shift <= LARGEST);
    return moved(offsets, fits ? shift : clampedShift(offsets));
  }

  /**
   * Returns the shift at which the clamped mean is the total. The mean rises with the shift, in a
   * line between the shifts at which a block comes to a bound.
   */
  private double clampedShift(double[] offsets) {
    double[] corners =
        Arrays.stream(offsets)
            .flatMap(offset -> DoubleStream.of(-offset, LARGEST - offset))
            .sorted()
            .toArray();
    int next = 1;
    while (next < corners.length - 1 && mean(moved(offsets, corners[next])) < total) {
      next++;
    }
    double low = mean(moved(offsets, corners[next - 1]));
    double high = mean(moved(offsets, corners[next]));
    double way = high == low ? 0 : (total - low) / (high - low);
    return corners[next - 1] + way * (corners[next] - corners[next - 1]);
  }

  private static double[] moved(double[] offsets, double shift) {
    return map(offsets, offset -> Math.clamp(offset + shift, 0, LARGEST));
  }
}
