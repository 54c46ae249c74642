package io.github.wandacuda.job;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.EvaluationWindows;
import io.github.wandacuda.calibration.Perplexity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.evaluate.Evaluation;
import io.github.wandacuda.evaluate.TaskFigures;
import io.github.wandacuda.evaluate.TaskScore;
import io.github.wandacuda.job.ComparedRun.ModuleFigures;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.LayerPruner;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.PruningRules;
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
public final class Comparison implements ComparisonWork {
  private final ModelDirectory model;
  private final Backend backend;
  private final List<LinearModule> chosen;
  private final ModuleChoice choice;
  private final Calibration calibration;
  private final List<int[]> windows;
  private final Optional<Evaluation> tasks;

  /**
   * Prepares a comparison.
   *
   * @param backend does the work; the caller closes it
   * @param calibration what the modules' norms come from: samples, by which errors are measured
   *     too, or statistics
   * @param text what perplexity is measured on
   */
  public Comparison(
      ModelDirectory model,
      Backend backend,
      ModuleChoice choice,
      Calibration calibration,
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

  /** Checks that the modules can be pruned by some rules. */
  public void check(PruningRules rules) {
    RunScope unused = RunScope.of(model, RunEstimate.request(rules, choice, calibration));
  }

  private List<LinearModule> chosen(PruningRules rules) {
    return chosen.stream().filter(rules::areFor).toList();
  }

  /**
   * Returns the modules that are pruned, unless a recipe leaves some out, in code-point order of
   * their names.
   */
  public List<LinearModule> chosen() {
    return chosen;
  }

  public void requireMemory(List<PruningRules> runs) {
    RunNeeds.requireMemory(model, sequences(), moreBytes(runs));
  }

  /** Returns the bytes of memory for hidden states and for what methods need of a module. */
  public long memoryBytes(List<PruningRules> runs) {
    return RunNeeds.stateBytes(model, sequences()) + moreBytes(runs);
  }

  private List<int[]> sequences() {
    return calibration instanceof Calibration.FromSamples samples
        ? Stream.concat(samples.samples().stream(), windows.stream()).toList()
        : windows;
  }

  private long moreBytes(List<PruningRules> runs) {
    long layer = 0;
    for (PruningRules each : runs) {
      for (LinearModule module : chosen(each)) {
        layer =
            Math.max(layer, LayerPruner.bytes(each.of(module), module.rows(), module.columns()));
      }
    }
    long asked =
        tasks.map(Evaluation::inputTokens).orElse(0L)
            * DecoderFamilies.shape(model).hiddenSize()
            * Float.BYTES;
    boolean sampled = calibration instanceof Calibration.FromSamples;
    return (sampled ? RunNeeds.momentsBytes(chosen) : 0) + layer + asked;
  }

  /** Estimates the time of runs and of the dense model by doing a small part of them. */
  public TimeEstimate estimate(List<PruningRules> runs, Progress progress) {
    return estimate(runs, new Stopwatch(Stopwatch.MOST, progress));
  }

  TimeEstimate estimate(List<PruningRules> runs, Stopwatch watch) {
    long asked = tasks.map(Evaluation::inputTokens).orElse(0L);
    return RunEstimate.of(model, backend, choice, calibration, windows, asked, watch, runs);
  }

  /** Measures one part after the other in this process. */
  @Override
  public void measure(List<Part> parts, int all, Progress progress, Measured measured) {
    int done = all - parts.size();
    for (Part part : parts) {
      Progress of = progress.part("", done++, all);
      if (part.way() == null) {
        measured.dense(dense(of));
      } else {
        measured.run(part.place(), run(part.way().apply(of), of));
      }
    }
  }

  ComparedRun.DenseFigures dense(Progress progress) {
    try (Decoder decoder = DecoderFamilies.open(model, backend.forwards())) {
      double perplexity = Perplexity.of(decoder, backend.operations(), windows, progress);
      return new ComparedRun.DenseFigures(
          perplexity,
          tasks
              .map(given -> given.run(decoder, backend.operations(), Progress.NONE))
              .map(Comparison::figuresOf)
              .orElse(Map.of()));
    }
  }

  private static Map<String, TaskFigures> figuresOf(List<TaskScore> scores) {
    Map<String, TaskFigures> figures = new LinkedHashMap<>();
    scores.forEach(score -> figures.put(score.task(), score.figures()));
    return figures;
  }

  /** Prunes the model in one way and measures it. */
  ComparedRun run(Way way, Progress progress) {
    long start = System.nanoTime();
    PruningRules rules = way.shared().rules();
    List<LinearModule> modules = chosen(rules);
    try (PrivateDirectory directory = PrivateDirectory.create("wanda-cuda-compare");
        MaskDigest masks = new MaskDigest(modules.size(), directory.path().resolve("masks"))) {
      MemoryPass.Result result =
          MemoryPass.run(
              model, backend, rules, modules, calibration, windows, tasks, true, masks, progress);
      return new ComparedRun(
          way.label(),
          way.sparsity().orElseGet(() -> zeros(result.modules())),
          way.shared().label(),
          way.files(),
          perplexity(result.losses()),
          figuresOf(result.scores()),
          masks.hex(),
          figures(result.modules()),
          (System.nanoTime() - start) / 1e9);
    } catch (IOException e) {
      throw OutputException.unwritable(model.path(), e);
    }
  }

  /**
   * A way of pruning.
   *
   * @param label what people call it
   * @param shared what is done, with the shares of blocks
   */
  public record Way(String label, String files, SharedSparsity shared) {
    private Optional<Sparsity> sparsity() {
      PruningRules rules = shared.rules();
      return rules.stages().isEmpty() ? Optional.of(rules.common().sparsity()) : Optional.empty();
    }
  }

  private static Sparsity zeros(List<ModuleResult> results) {
    double weights = results.stream().mapToLong(result -> result.module().elements()).sum();
    double zeros = results.stream().mapToLong(ModuleResult::zeros).sum();
    return new Sparsity.Ratio(weights == 0 ? 0 : Math.min(zeros / weights, Math.nextDown(1.0)));
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
