package io.github.wandacuda.job.prune;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.DenseCalibration;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.cluster.ClusterCalibration;
import io.github.wandacuda.job.cluster.OnCluster;
import io.github.wandacuda.job.output.SavedSteps;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.pruning.ModuleBlock;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.Allocation;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.system.Workers;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/**
 * The sparsity of each module, shared out from a total.
 *
 * @param rules with the share of each module
 * @param label how the total was shared out, for the record
 */
public record SharedSparsity(PruningRules rules, String label) {
  /**
   * What totals are shared out with.
   *
   * @param backend runs samples; stays the caller's
   * @param on the cluster on which samples run, if there is one
   * @param steps keeps the losses of a search
   */
  record Means(
      ModelDirectory model,
      Backend backend,
      Calibration calibration,
      Optional<OnCluster> on,
      SavedSteps steps,
      Progress progress) {}

  static SharedSparsity of(
      Allocation allocation, Means means, PruningRules rules, List<LinearModule> chosen) {
    Sparsity.Ratio total = total(rules);
    if (allocation instanceof Allocation.FromFile file) {
      List<String> names = chosen.stream().map(LinearModule::name).toList();
      Map<String, Double> shares = AllocationFile.read(file.file()).of(names, total.fraction());
      return new SharedSparsity(rules.allocating(shares), "file");
    }
    List<ModuleBlock> blocks = ModuleBlock.of(chosen);
    BlockSparsities sparsities =
        new BlockSparsities(
            total.fraction(), blocks.stream().mapToLong(ModuleBlock::elements).toArray());
    return switch ((Allocation.Rule) allocation) {
      case UNIFORM -> new SharedSparsity(rules, null);
      case ATP -> {
        if (!(means.calibration instanceof Calibration.FromSamples samples)) {
          throw new UsageException(
              "allocation atp needs `calibration`: it chooses its step on a part of the samples");
        }
        // Steps are tried in this process, whose device has to compute the same bits as the others.
        means.on.ifPresent(cluster -> cluster.requireSame(means.backend));
        double step = StepSearch.of(means, rules, chosen, samples).best(sparsities, blocks);
        yield shared(rules, blocks, sparsities.atp(step), "atp, step %s".formatted(step));
      }
      case DLP -> {
        double[] averages = scores(means, blocks, BlockScores::mean);
        yield shared(rules, blocks, sparsities.dlp(averages, sparsities.dlpAlpha()), "dlp");
      }
      case OWL -> {
        double[] outliers = scores(means, blocks, BlockScores::outliers);
        yield shared(rules, blocks, sparsities.owl(outliers, BlockSparsities.OWL_LAMBDA), "owl");
      }
    };
  }

  static Sparsity.Ratio total(PruningRules rules) {
    if (rules.common().method() != Method.MASKS
        && rules.common().sparsity() instanceof Sparsity.Ratio total) {
      return total;
    }
    throw new UsageException(
        "`allocation`: expected a sparsity to share out, found " + rules.common().amount());
  }

  private static SharedSparsity shared(
      PruningRules rules, List<ModuleBlock> blocks, double[] sparsities, String label) {
    Map<String, Double> shares = ModuleBlock.sparsities(blocks, sparsities);
    return new SharedSparsity(rules.allocating(shares), label);
  }

  /** Returns a score of each block, computed with the dense model's norms. */
  private static double[] scores(
      Means means, List<ModuleBlock> blocks, ToDoubleFunction<BlockScores> score) {
    if (means.calibration instanceof Calibration.None) {
      throw new UsageException("allocation dlp and owl need `calibration` or `statistics`");
    }
    Map<String, float[]> norms =
        means.calibration instanceof Calibration.FromSamples samples
            ? dense(means, samples.samples()).norms()
            : means.calibration.norms();
    try (Workers workers = new Workers(means.backend.concurrency())) {
      return BlockScores.of(blocks, module -> norms.get(module.name()), workers).stream()
          .mapToDouble(score)
          .toArray();
    }
  }

  private static Statistics dense(Means means, List<int[]> samples) {
    Backend backend = means.backend;
    if (means.on.isPresent()) {
      return ClusterCalibration.dense(means.on.get(), means.model).run(samples, means.progress);
    }
    try (Decoder decoder = DecoderFamilies.open(means.model, backend.forwards())) {
      return DenseCalibration.run(decoder, samples, List.of(), means.progress);
    }
  }

  /**
   * Chooses the step by which the sparsity rises from block to block. With several steps, the model
   * is pruned in memory on the first three quarters of the samples; the step is chosen with which
   * it predicts the last quarter best. Evaluation text plays no part in it.
   */
  private record StepSearch(
      Means means,
      PruningRules rules,
      List<LinearModule> chosen,
      Calibration.FromSamples fitted,
      List<int[]> held) {
    /** Steps are tried in tenths of the largest one that leaves every block in [0, 1). */
    private static final int PARTS = 10;

    /** The search ends after so many worse results in a row. */
    private static final int WORSE = 2;

    /**
     * Prepares a search. It prunes by masks alone, without the updates of weights that would
     * follow.
     */
    static StepSearch of(
        Means means,
        PruningRules rules,
        List<LinearModule> chosen,
        Calibration.FromSamples calibration) {
      List<int[]> samples = calibration.samples();
      if (samples.size() < 2) {
        throw new UsageException(
            "allocation atp: expected 2 samples or more, to hold some back, found 1");
      }
      int count = Math.max(1, samples.size() * 3 / 4);
      return new StepSearch(
          means,
          rules.masksAlone(),
          chosen,
          new Calibration.FromSamples(
              samples.subList(0, count), calibration.sha256(), calibration.seed(), false),
          samples.subList(count, samples.size()));
    }

    double best(BlockSparsities sparsities, List<ModuleBlock> blocks) {
      double best = 0;
      double least = Double.POSITIVE_INFINITY;
      int worse = 0;
      means.progress.begin(Math.min(PARTS, means.steps.known()) / (PARTS + 1.0));
      for (int part = 0; part <= PARTS && worse < WORSE; part++) {
        double step = sparsities.largestBeta() * part / PARTS;
        Progress progress = means.progress.part("", part, PARTS + 1);
        Map<String, Double> shares = ModuleBlock.sparsities(blocks, sparsities.atp(step));
        double loss = means.steps.next(() -> loss(shares, progress));
        worse = loss < least ? 0 : worse + 1;
        if (loss < least) {
          least = loss;
          best = step;
        }
      }
      long all = (PARTS + 1L) * DecoderFamilies.shape(means.model).blocks();
      means.progress.step("block", all, all);
      return best;
    }

    /**
     * Returns the mean loss on the samples that were held back, of a model pruned by some shares.
     */
    private double loss(Map<String, Double> shares, Progress part) {
      return Arrays.stream(
              MemoryPass.run(
                      means.model,
                      means.backend,
                      rules.allocating(shares),
                      chosen,
                      fitted,
                      held,
                      Optional.empty(),
                      Optional.empty(),
                      MaskSink.NONE,
                      part)
                  .losses())
          .average()
          .orElseThrow();
    }
  }
}
