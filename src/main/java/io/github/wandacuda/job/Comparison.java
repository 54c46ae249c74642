package io.github.wandacuda.job;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibrate.EvaluationWindows;
import io.github.wandacuda.calibrate.Perplexity;
import io.github.wandacuda.calibrate.Progress;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.evaluate.Evaluation;
import io.github.wandacuda.evaluate.TaskFigures;
import io.github.wandacuda.evaluate.TaskScore;
import io.github.wandacuda.io.checkpoint.TensorNames;
import io.github.wandacuda.job.output.RunNeeds;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.ComparedRun;
import io.github.wandacuda.job.record.ComparedRun.ModuleFigures;
import io.github.wandacuda.job.record.DenseFigures;
import io.github.wandacuda.job.record.MaskDigest;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.model.decoder.Decoder;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.prune.ModuleResult;
import io.github.wandacuda.prune.ModuleRules;
import io.github.wandacuda.prune.PruningRules;
import io.github.wandacuda.prune.Unreached;
import io.github.wandacuda.prune.layer.LayerPruner;
import io.github.wandacuda.system.PrivateDirectory;
import java.io.IOException;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Stream;

/**
 * Prunes one model in several ways and measures what each leaves. No model is written: weights are
 * pruned in memory, one block at a time, and the text runs through each block right afterwards.
 * Each run is calibrated as {@code prune} does it, so that its masks are the same to the bit.
 */
public final class Comparison {
  private static final String SPILL = "masks";

  private final ModelDirectory model;
  private final Backend backend;
  private final List<LinearModule> chosen;
  private final ModuleChoice choice;
  private final Calibration.FromSamples calibration;
  private final List<int[]> windows;
  private final Optional<Evaluation> tasks;

  /**
   * Prepares a comparison.
   *
   * @param model the dense model
   * @param backend does the work; the caller closes it
   * @param choice which modules are pruned
   * @param calibration what the modules' inputs come from
   * @param text what perplexity is measured on, in windows of one length
   * @param tasks what models are asked
   * @throws io.github.wandacuda.error.UsageException if a pattern of the choice matches nothing
   */
  public Comparison(
      ModelDirectory model,
      Backend backend,
      ModuleChoice choice,
      Calibration.FromSamples calibration,
      EvaluationWindows text,
      Optional<Evaluation> tasks) {
    this.model = model;
    this.backend = backend;
    chosen = model.choose(choice);
    this.choice = choice;
    this.calibration = calibration;
    windows = List.of(text.windows());
    this.tasks = tasks;
  }

  /**
   * Checks that the modules can be pruned by some rules.
   *
   * @throws io.github.wandacuda.error.InputException if one can't
   */
  public void check(ModuleRules rules) {
    rules(rules).check(chosen);
  }

  static PruningRules rules(ModuleRules common) {
    return new PruningRules(common, Unreached.MAGNITUDE);
  }

  /**
   * Checks that there is memory.
   *
   * @throws io.github.wandacuda.error.UsageException if there is too little
   */
  public void requireMemory(List<ModuleRules> runs) {
    RunNeeds.requireMemory(model, sequences(), moreBytes(runs));
  }

  /** Returns the bytes of memory for hidden states and for what methods need of a module. */
  public long memoryBytes(List<ModuleRules> runs) {
    long tokens = sequences().stream().mapToLong(sequence -> sequence.length).sum();
    return tokens * hiddenSize() * Float.BYTES + moreBytes(runs);
  }

  private List<int[]> sequences() {
    return Stream.concat(calibration.samples().stream(), windows.stream()).toList();
  }

  private int hiddenSize() {
    return DecoderFamilies.of(model.config()).shape(model.config()).hiddenSize();
  }

  private long moreBytes(List<ModuleRules> runs) {
    long layer = 0;
    for (ModuleRules each : runs) {
      for (LinearModule module : chosen) {
        layer = Math.max(layer, LayerPruner.bytes(each, module.rows(), module.columns()));
      }
    }
    long asked = tasks.map(Evaluation::inputTokens).orElse(0L) * hiddenSize() * Float.BYTES;
    return RunNeeds.momentsBytes(chosen) + layer + asked;
  }

  /**
   * Estimates the time of runs and of the dense model by doing a small part of them.
   *
   * @param progress is told how long that has taken
   */
  public TimeEstimate estimate(List<ModuleRules> runs, Progress progress) {
    return estimate(runs, new Stopwatch(Stopwatch.MOST, progress));
  }

  TimeEstimate estimate(List<ModuleRules> runs, Stopwatch watch) {
    long tokens =
        windows.stream().mapToLong(window -> window.length).sum()
            + tasks.map(Evaluation::inputTokens).orElse(0L);
    return new ComparisonEstimate(model, backend, choice, calibration, tokens, watch).of(runs);
  }

  /** Measures the dense model. */
  public DenseFigures dense(Progress progress) {
    try (Decoder decoder = DecoderFamilies.open(model, backend.forwards())) {
      double perplexity = Perplexity.of(decoder, backend.operations(), windows, progress);
      return new DenseFigures(
          perplexity,
          tasks
              .map(given -> given.run(decoder, backend.operations(), Progress.NONE))
              .map(Comparison::figuresOf)
              .orElse(Map.of()));
    }
  }

  private static Map<String, TaskFigures> figuresOf(List<TaskScore> scores) {
    Map<String, TaskFigures> figures = new LinkedHashMap<>();
    scores.forEach(score -> figures.put(score.task(), TaskFigures.of(score)));
    return figures;
  }

  /**
   * Prunes the model in one way and measures it.
   *
   * @throws io.github.wandacuda.error.InputException if a weight or an activation isn't finite
   */
  public ComparedRun run(ModuleRules rules, Progress progress) {
    long start = System.nanoTime();
    try (PrivateDirectory directory = PrivateDirectory.create("wanda-cuda-compare");
        MaskDigest masks = new MaskDigest(chosen.size(), directory.path().resolve(SPILL))) {
      MemoryPass.Result result =
          new MemoryPass(model, backend, rules(rules), chosen)
              .run(calibration.samples(), windows, tasks, true, masks, progress);
      return new ComparedRun(
          rules.label(),
          rules.sparsity(),
          perplexity(result.losses()),
          figuresOf(result.scores()),
          masks.hex(),
          figures(result.modules()),
          (System.nanoTime() - start) / 1e9);
    } catch (IOException e) {
      throw OutputException.unwritable(model.path(), e);
    }
  }

  /** Returns the perplexity, or nothing if the pruned model's isn't finite. */
  private static OptionalDouble perplexity(double[] losses) {
    double perplexity = Perplexity.of(losses);
    return Double.isFinite(perplexity) ? OptionalDouble.of(perplexity) : OptionalDouble.empty();
  }

  private static List<ModuleFigures> figures(List<ModuleResult> results) {
    return results.stream()
        .map(
            result ->
                new ModuleFigures(
                    result.module().name(),
                    result.module().elements(),
                    result.zeros(),
                    result.errors() == null ? OptionalDouble.empty() : result.errors().relative()))
        .sorted(Comparator.comparing(ModuleFigures::name, TensorNames.NATURAL))
        .toList();
  }
}
