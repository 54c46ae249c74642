package io.github.wandacuda.job.compare;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.DenseReference;
import io.github.wandacuda.calibration.EvaluationWindows;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.evaluate.Evaluation;
import io.github.wandacuda.evaluate.OpenDecoder;
import io.github.wandacuda.evaluate.TaskFigures;
import io.github.wandacuda.evaluate.TaskScore;
import io.github.wandacuda.job.compare.ComparedRun.ModuleFigures;
import io.github.wandacuda.job.estimate.RunEstimate;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.job.estimate.Stopwatch;
import io.github.wandacuda.job.estimate.TimeEstimate;
import io.github.wandacuda.job.output.MaskDigest;
import io.github.wandacuda.job.prune.MemoryPass;
import io.github.wandacuda.job.prune.SharedSparsity;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.Part;
import io.github.wandacuda.job.record.RemovedParts;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.job.structure.RemovalRequest;
import io.github.wandacuda.job.structure.StructureFit;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.model.WeightKeeping;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.model.removal.StructurePlan;
import io.github.wandacuda.pruning.LayerPruner;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Structure.Update;
import io.github.wandacuda.system.MachineFacts;
import io.github.wandacuda.system.PrivateDirectory;
import io.github.wandacuda.system.Workers;
import java.io.IOException;
import java.util.ArrayList;
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
 *
 * @param backend does the work; the caller closes it
 * @param calibration what the modules' norms come from: samples, by which errors are measured too,
 *     or statistics
 * @param text what perplexity is measured on
 * @param sized whether sizes are of interest, since parts go in some run
 * @param timed whether the speed of generating is measured where sizes are
 */
public record Comparison(
    ModelDirectory model,
    Backend backend,
    ModuleChoice choice,
    Calibration calibration,
    EvaluationWindows text,
    Optional<Evaluation> tasks,
    boolean sized,
    boolean timed)
    implements ComparisonWork {
  private static final String PREFIX = "wanda-cuda-compare";

  /** Refuses a choice of nothing before anything is done. */
  public Comparison {
    List<LinearModule> unused = model.choose(choice);
  }

  /** Checks that the modules can be pruned by some rules. */
  public void check(PruningRules rules) {
    RunScope unused = RunScope.of(model, RunEstimate.request(rules, choice, calibration));
  }

  private List<LinearModule> chosen(PruningRules rules) {
    return chosen().stream().filter(rules::areFor).toList();
  }

  /** Returns the modules to prune, but for what a recipe leaves out, in code-point order. */
  public List<LinearModule> chosen() {
    return model.choose(choice);
  }

  public void requireMemory(List<PruningRules> runs) {
    RunNeeds.requireMemory(model, sequences(), moreBytes(runs));
  }

  /** Returns the bytes of memory for hidden states and for what methods need of a module. */
  public long memoryBytes(List<PruningRules> runs) {
    return RunNeeds.stateBytes(model, sequences()) + moreBytes(runs);
  }

  private List<int[]> windows() {
    return List.of(text.windows());
  }

  private List<int[]> sequences() {
    return calibration instanceof Calibration.FromSamples samples
        ? Stream.concat(samples.samples().stream(), windows().stream()).toList()
        : windows();
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
    long aligning =
        runs.stream().anyMatch(PruningRules::realign)
            ? RunNeeds.stateBytes(model, calibration) + 2 * RunNeeds.momentsBytes(chosen())
            : 0;
    long tuning =
        calibration instanceof Calibration.FromSamples samples
            ? runs.stream()
                .mapToLong(rules -> RunNeeds.tuningBytes(model, rules, chosen(rules), samples))
                .max()
                .orElse(0)
            : 0;
    return (sampled ? RunNeeds.momentsBytes(chosen()) : 0)
        + RunNeeds.judgingBytes(model, windows())
        + aligning
        + tuning
        + layer
        + asked;
  }

  /** Estimates the time of runs and of the dense model by doing a small part of them. */
  public TimeEstimate estimate(List<PruningRules> runs, Progress progress) {
    return estimate(runs, new Stopwatch(Stopwatch.MOST, progress));
  }

  public TimeEstimate estimate(List<PruningRules> runs, Stopwatch watch) {
    long asked = tasks.map(Evaluation::inputTokens).orElse(0L);
    return RunEstimate.ofComparison(
        model, backend, choice, calibration, windows(), asked, watch, runs);
  }

  /** Measures one part after the other in this process. */
  @Override
  public void measure(List<Part> parts, int all, Progress progress, Measured measured) {
    int done = all - parts.size();
    try (DenseModel dense = dense()) {
      for (Part part : parts) {
        Progress of = progress.part("", done++, all);
        if (part.way() == null) {
          measured.dense(figures(dense, of));
        } else {
          measured.run(part.place(), run(part.way().apply(of), dense, of));
        }
      }
    }
  }

  /** Returns the dense model for runs to be judged by, for the caller to close. */
  DenseModel dense() {
    return new DenseModel(model, backend, windows());
  }

  ComparedRun.DenseFigures figures(DenseModel dense, Progress progress) {
    double perplexity = dense.reference(progress).perplexity();
    return new ComparedRun.DenseFigures(perplexity, answers(dense.decoder()), size(model));
  }

  private Map<String, TaskFigures> answers(Decoder decoder) {
    return tasks
        .map(given -> given.run(decoder, Progress.NONE))
        .map(Comparison::figuresOf)
        .orElse(Map.of());
  }

  /** Returns how large and fast a model is, or null if no run removes parts. */
  private ComparedRun.Size size(ModelDirectory of) {
    return sized
        ? new ComparedRun.Size(
            of.parameters(),
            of.checkpoint().tensors().mapToLong(entry -> entry.info().bytes()).sum(),
            timed ? speed(of) : null)
        : null;
  }

  /**
   * Measures a model in turns with the dense one, or returns null if memory lacks room for them.
   */
  private DecodingSpeed speed(ModelDirectory of) {
    int length = DecodingSpeed.length(DecoderFamilies.shape(of).maximumLength());
    long bytes = of.checkpoint().totalBytes() + model.checkpoint().totalBytes();
    if (length < 3 || 2 * bytes > MachineFacts.availableMemory()) {
      return null;
    }
    int prompt = windows().getFirst()[0];
    try (OpenDecoder decoder = opened(of, length)) {
      if (of == model) {
        return DecodingSpeed.measure(decoder.cached(), decoder.cached(), prompt, length);
      }
      try (OpenDecoder dense = opened(model, length)) {
        return DecodingSpeed.measure(decoder.cached(), dense.cached(), prompt, length);
      }
    }
  }

  private OpenDecoder opened(ModelDirectory of, int length) {
    return OpenDecoder.of(of, backend.operations(), WeightKeeping.RESIDENT, length);
  }

  private static Map<String, TaskFigures> figuresOf(List<TaskScore> scores) {
    Map<String, TaskFigures> figures = new LinkedHashMap<>();
    scores.forEach(score -> figures.put(score.task(), score.figures()));
    return figures;
  }

  /** Removes parts of the model, whose weights that are fitted lie in files, and measures it. */
  private ComparedRun smaller(Way way, DenseModel dense, Progress progress) {
    DenseReference reference = dense.reference(progress);
    long start = System.nanoTime();
    RemovalRequest asked = way.removal();
    Update update = asked.update(model, calibration, unused -> {});
    RemovedParts parts =
        asked.choose(model, backend, calibration, update, true, progress.part("", 0, 3)).removed();
    List<SafetensorsFile> fitted = new ArrayList<>();
    try (PrivateDirectory directory = PrivateDirectory.create(PREFIX);
        Workers workers = new Workers(backend.concurrency())) {
      StructurePlan plan = parts.plan(model);
      if (StructureFit.isNeeded(parts, update)) {
        plan =
            new StructureFit(
                    model, parts, asked, update, (Calibration.FromSamples) calibration, backend)
                .run(directory.path()::resolve, 0, progress.part("", 1, 3))
                .plan(model, fitted);
      }
      try (Decoder decoder = DecoderFamilies.open(plan.opened(), backend.forwards())) {
        DenseReference.Judged judged = reference.judge(decoder, workers, progress.part("", 2, 3));
        return new ComparedRun(
            way.label(),
            asked.parts().share(),
            null,
            null,
            ComparedRun.Predictions.of(judged),
            answers(decoder),
            null,
            List.of(),
            size(plan.opened()),
            (System.nanoTime() - start) / 1e9);
      }
    } catch (IOException e) {
      throw OutputException.unwritable(model.path(), e);
    } finally {
      fitted.forEach(SafetensorsFile::close);
    }
  }

  ComparedRun run(Way way, DenseModel dense, Progress progress) {
    if (way.removal() != null) {
      return smaller(way, dense, progress);
    }
    DenseReference reference = dense.reference(progress);
    long start = System.nanoTime();
    PruningRules rules = way.shared().rules();
    List<LinearModule> modules = chosen(rules);
    try (PrivateDirectory directory = PrivateDirectory.create(PREFIX);
        MaskDigest masks = new MaskDigest(modules.size(), directory.path().resolve("masks"))) {
      MemoryPass.Result result =
          MemoryPass.run(
              model,
              backend,
              rules,
              modules,
              calibration,
              windows(),
              Optional.of(reference),
              tasks,
              masks,
              progress);
      return new ComparedRun(
          way.label(),
          way.sparsity().orElseGet(() -> zeros(result.modules())),
          way.shared().label(),
          way.files(),
          ComparedRun.Predictions.of(result.judged()),
          figuresOf(result.scores()),
          masks.hex(),
          figures(result.modules()),
          null,
          (System.nanoTime() - start) / 1e9);
    } catch (IOException e) {
      throw OutputException.unwritable(model.path(), e);
    }
  }

  /**
   * A way of pruning.
   *
   * @param label what people call it
   * @param shared what is done, with the shares of blocks; null if parts go
   * @param removal the parts that go, or null
   */
  public record Way(String label, String files, SharedSparsity shared, RemovalRequest removal) {
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
