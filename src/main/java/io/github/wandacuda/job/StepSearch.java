package io.github.wandacuda.job;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.BlockSparsities;
import io.github.wandacuda.pruning.MaskSink;
import io.github.wandacuda.pruning.ModuleBlock;
import io.github.wandacuda.pruning.PruningRules;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Chooses the step by which the sparsity rises from block to block. The model is pruned in memory
 * with several steps on the first three quarters of the samples, and the step is taken with which
 * it predicts the last quarter best. Evaluation text has no part in it.
 */
final class StepSearch {
  /** Steps are tried in tenths of the largest one that leaves every block a sparsity. */
  private static final int PARTS = 10;

  /** Worse results in a row that end the search. */
  private static final int WORSE = 2;

  private final ModelDirectory model;
  private final Backend backend;
  private final PruningRules rules;
  private final List<LinearModule> chosen;
  private final Calibration.FromSamples fitted;
  private final List<int[]> held;
  private final Progress progress;

  /**
   * Prepares a search.
   *
   * @param rules what is done to the modules; what follows the choice of masks is left out
   * @param progress is told of each block, as if every step were tried
   * @throws UsageException if there is just one sample
   */
  StepSearch(
      ModelDirectory model,
      Backend backend,
      PruningRules rules,
      List<LinearModule> chosen,
      Calibration.FromSamples calibration,
      Progress progress) {
    this.model = model;
    this.progress = progress;
    this.backend = backend;
    this.rules = rules.masksAlone();
    this.chosen = chosen;
    List<int[]> samples = calibration.samples();
    if (samples.size() < 2) {
      throw new UsageException(
          "allocation atp: expected 2 samples or more, to hold some back, found 1");
    }
    int count = Math.max(1, samples.size() * 3 / 4);
    fitted =
        new Calibration.FromSamples(
            samples.subList(0, count), calibration.sha256(), calibration.seed());
    held = samples.subList(count, samples.size());
  }

  /** Returns the best step, 0 or more. */
  double best(BlockSparsities sparsities, List<ModuleBlock> blocks) {
    double best = 0;
    double least = Double.POSITIVE_INFINITY;
    int worse = 0;
    progress.begin(0);
    for (int part = 0; part <= PARTS && worse < WORSE; part++) {
      double step = sparsities.largestBeta() * part / PARTS;
      double loss =
          loss(
              ModuleBlock.sparsities(blocks, sparsities.atp(step)),
              progress.part("", part, PARTS + 1));
      worse = loss < least ? 0 : worse + 1;
      if (loss < least) {
        least = loss;
        best = step;
      }
    }
    long all = (PARTS + 1L) * DecoderFamilies.of(model.config()).shape(model.config()).blocks();
    progress.step("block", all, all);
    return best;
  }

  /** Returns the mean loss over the samples that were held back, of a model pruned so. */
  private double loss(Map<String, Double> shares, Progress part) {
    return Arrays.stream(
            MemoryPass.run(
                    model,
                    backend,
                    rules.allocating(shares),
                    chosen,
                    fitted,
                    held,
                    Optional.empty(),
                    false,
                    MaskSink.NONE,
                    part)
                .losses())
        .average()
        .orElseThrow();
  }
}
