package io.github.wandacuda.pruning.tune;

import io.github.wandacuda.calibration.BlockwiseRun;
import io.github.wandacuda.calibration.HalfSamples;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Block.Half;
import io.github.wandacuda.model.HalfParts;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.ModuleRequest;
import io.github.wandacuda.system.WorkerPool;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.Function;
import java.util.function.IntConsumer;
import java.util.stream.Collectors;

/**
 * Fits the kept weights of a pruned block by gradients: those of its attention to what the dense
 * model's states gain behind theirs, then those of its MLP behind the fitted attention. Both are
 * fitted to the dense model's own states, so that a block also makes up for what the blocks before
 * it have lost. Pruned weights stay zero.
 *
 * <p>Of a mixture of experts each expert is fitted by itself, on its own tokens.
 *
 * <p>A half that isn't attention with a softmax, a dense MLP or a mixture of these, or has a norm
 * behind it, keeps the weights that it has, and so does one whose fit doesn't help on samples that
 * are held out.
 *
 * @param operations run the samples
 * @param workers compute what isn't an operation; results are the same for any number of them
 * @param modules all linear modules of the model, by their names
 * @param seed with which the samples of steps are drawn, beside the block's number
 * @param together how many tokens run at once, unless one sample has more
 */
public record BlockTuner(
    Operations operations,
    WorkerPool workers,
    Map<String, LinearModule> modules,
    long seed,
    int together) {
  /** With fewer tokens a fit would be one to what these happen to be. */
  public static final long FEWEST_TOKENS = 16 * 256;

  /** With fewer samples none would be left to tell whether a fit helps. */
  public static final int FEWEST_SAMPLES = 8;

  /** Samples are drawn from a generator for each half of each block, so that a run can go on. */
  private static final int HALVES = Half.values().length;

  /**
   * What became of a half.
   *
   * @param fits how many there were: one, or one for each expert with enough tokens of a mixture
   * @param kept how many of these help on samples that were held out, so that their weights are
   *     kept
   * @param before the loss on the samples that were held out, before the fit: the mean squared
   *     difference between the output and what it is to be, divided by the mean square of the
   *     latter; of several fits the mean
   * @param after the loss behind the fit
   */
  public record Outcome(int block, Half half, int fits, int kept, double before, double after) {
    /** Returns what became of a half's fits, or nothing if there were none. */
    private static Optional<Outcome> of(int block, Half half, List<PartFit.Fitted> fits) {
      if (fits.isEmpty()) {
        return Optional.empty();
      }
      int kept = (int) fits.stream().filter(PartFit.Fitted::kept).count();
      double before = fits.stream().mapToDouble(fit -> fit.losses().before()).average().orElse(0);
      double after = fits.stream().mapToDouble(fit -> fit.losses().after()).average().orElse(0);
      return Optional.of(new Outcome(block, half, fits.size(), kept, before, after));
    }
  }

  /**
   * Returns the bytes of memory that fitting a half takes, beside the samples' states: 16 for each
   * weight of all its linear modules, 12 more for each of the largest one, which is turned and
   * multiplied at a time, and some rows of activations.
   *
   * @param modules the half's
   * @param together as of this record
   * @param sequenceLength of the samples
   */
  public static long bytes(List<LinearModule> modules, int together, int sequenceLength) {
    long weights = modules.stream().mapToLong(LinearModule::elements).sum();
    long largest = modules.stream().mapToLong(LinearModule::elements).max().orElse(0);
    long widths = modules.stream().mapToLong(m -> m.rows() + 2L * m.columns()).sum();
    long tokens = (long) sequences(together, sequenceLength) * sequenceLength;
    return Float.BYTES * (4 * weights + 3 * largest + 2 * tokens * widths);
  }

  /** Returns how many samples run at once. */
  private static int sequences(int together, int sequenceLength) {
    return Math.clamp(together / sequenceLength, 1, GradientFit.BATCH);
  }

  /**
   * Returns how many times the samples pass a block in a fit, forward passes that is, of which a
   * backward one takes two.
   *
   * @param samples how many there are
   */
  public static double passes(int samples) {
    double steps = 3.0 * GradientFit.STEPS * GradientFit.BATCH / samples;
    return steps + HALVES;
  }

  /**
   * Fits a block.
   *
   * @param index its number
   * @param block with its pruned weights; receives the fitted ones
   * @param samples before the block, aligned to the dense model's, which are behind it and kept
   *     their middle
   * @param tuned the modules whose kept weights are fitted, with the memory that holds them, which
   *     receives the fitted ones
   * @param progress told of the steps
   * @return what became of each half that could be fitted
   */
  public List<Outcome> tune(
      int index, Block block, BlockwiseRun samples, List<ModuleRequest> tuned, Progress progress) {
    Map<String, ModuleRequest> byName =
        tuned.stream().collect(Collectors.toMap(r -> r.module().name(), Function.identity()));
    Products products = new Products(operations, workers);
    BlockWeights weights = new BlockWeights(block, modules, byName, products);
    List<Outcome> outcomes = new ArrayList<>();
    for (Half half : Half.values()) {
      boolean mixture = half == Half.MLP && !block.experts().isEmpty();
      List<? extends HalfParts> parts =
          mixture ? block.experts() : block.parts(half).stream().toList();
      if (parts.stream().anyMatch(weights::areFitted)
          && parts.stream().allMatch(HalfGradient::knows)) {
        Random random = new Random(seed * 31 + (long) index * HALVES + half.ordinal());
        int done = half.ordinal() * GradientFit.STEPS;
        IntConsumer passed = step -> progress.step("step", done + step, HALVES * GradientFit.STEPS);
        try (HalfSamples read = samples.half(block, half)) {
          List<PartFit.Fitted> fitted =
              mixture
                  ? new MixtureFit(weights, read, together).run(block.experts(), random, passed)
                  : List.of(fit(weights, parts.getFirst(), read, random, passed));
          Outcome.of(index, half, fitted).ifPresent(outcomes::add);
        }
      }
    }
    return outcomes;
  }

  private PartFit.Fitted fit(
      BlockWeights weights,
      HalfParts parts,
      HalfSamples samples,
      Random random,
      IntConsumer passed) {
    int length = samples.sequenceLength();
    try (PartFit fit = new PartFit(weights, parts, sequences(together, length), length)) {
      return fit.run(samples, random, passed);
    }
  }
}
