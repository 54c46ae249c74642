package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.EvaluationWindows;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.cli.option.BackendOptions;
import io.github.wandacuda.cli.option.CalibrationOptions;
import io.github.wandacuda.cli.option.ClusterOption;
import io.github.wandacuda.cli.option.ComparedMethod;
import io.github.wandacuda.cli.option.ComparedMethods;
import io.github.wandacuda.cli.option.DecoderOption;
import io.github.wandacuda.cli.option.ModuleOptions;
import io.github.wandacuda.cli.option.OverwriteOption;
import io.github.wandacuda.cli.option.ResultFiles;
import io.github.wandacuda.cli.option.TaskOptions;
import io.github.wandacuda.cli.option.TextWindows;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.evaluate.Evaluation;
import io.github.wandacuda.evaluate.TaskFigures;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.job.cluster.OnCluster;
import io.github.wandacuda.job.compare.ClusterComparison;
import io.github.wandacuda.job.compare.ComparedRun;
import io.github.wandacuda.job.compare.ComparedRun.DenseFigures;
import io.github.wandacuda.job.compare.Comparison;
import io.github.wandacuda.job.compare.ComparisonWork;
import io.github.wandacuda.job.compare.ComparisonWork.Part;
import io.github.wandacuda.job.compare.UnfinishedComparison;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.job.estimate.TimeEstimate;
import io.github.wandacuda.job.prune.PruningPlan;
import io.github.wandacuda.job.prune.SharedSparsity;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.Fingerprint;
import io.github.wandacuda.job.record.SourceDigest;
import io.github.wandacuda.job.structure.RemovalRequest;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.report.ComparisonReport;
import io.github.wandacuda.report.ReportFormat;
import io.github.wandacuda.report.RunFacts;
import io.github.wandacuda.system.ThisRuntime;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.BiFunction;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Prunes a model in memory by several methods on the same samples, and measures each. */
@Command(
    name = "compare",
    description =
        "Compares methods and sparsities on one model, which is pruned in memory:"
            + " perplexity, tasks, errors.",
    footer = {
      "  wanda-cuda compare --model org/model --calibration c4.json.gz \\",
      "      --text wiki.parquet --sparsity 0.5,0.6 --report compared.html"
    })
final class CompareCommand extends Subcommand {
  /** Options that say which runs there are; each of them is known by what they make of it. */
  static final String[] RUNS = {
    "--methods", "--sparsity", "--pattern", "--allocation", "--recipes"
  };

  private static final String REPORT = "--report";
  private static final String SPEED = "--speed";

  @Mixin private DecoderOption model;

  @Mixin private CalibrationOptions calibrations;

  @Option(
      names = "--text",
      required = true,
      paramLabel = "FILE",
      converter = TextWindows.Converter.class,
      description = "What perplexity is measured on: " + TextWindows.FORMATS + ".")
  private Path text;

  @Mixin private TextWindows texts;
  @Mixin private ComparedMethods methods;
  @Mixin private TaskOptions tasks;

  @Option(
      names = REPORT,
      paramLabel = "FILE",
      description = "Write a report with charts, as .html, or its numbers, as .json.")
  private Path report;

  @Option(
      names = SPEED,
      description =
          "Measure the tokens per second of models without some of their parts, in turns with the"
              + " dense one.")
  private boolean speed;

  @Option(
      names = "--resume",
      description = "Go on with a comparison that was interrupted; goes with --report.")
  private boolean resume;

  @Option(
      names = "--dry-run",
      description = "Check everything, print the runs and how long they take; write nothing.")
  private boolean dryRun;

  @Mixin private OverwriteOption overwrite;
  @Mixin private ModuleOptions modules;
  @Mixin private BackendOptions backends;
  @Mixin private ClusterOption cluster;

  @Override
  public void run() {
    backends.check();
    cluster.check();
    List<ComparedMethod> runs = methods.runs();
    List<PruningPlan> plans =
        runs.stream().map(ComparedMethod::plan).filter(Objects::nonNull).toList();
    List<RemovalRequest> removals =
        runs.stream().map(ComparedMethod::removal).filter(Objects::nonNull).toList();
    List<PruningRules> rules = plans.stream().map(PruningPlan::rules).toList();
    if (!removals.isEmpty() && cluster.given()) {
      throw new UsageException(
          "%s compares no methods that remove parts: leave out %s"
              .formatted(ClusterOption.NAME, removals.getFirst().parts().structure().label()));
    }
    if (removals.isEmpty()) {
      output.warnIfGiven("only methods that remove parts change the speed", SPEED);
    }
    tasks.check();
    tasks.warnOfIdle(output);
    if (report != null) {
      ReportFormat.requireName(report);
    }
    if (resume && report == null) {
      throw new UsageException("--resume goes with --report: what is done is kept beside it");
    }
    if (report == null) {
      output.warnIfGiven("no file is written", "--overwrite");
    }
    calibrations.check(runs, output);
    try (ModelDirectory directory = model.open(output);
        ResultFiles results =
            new ResultFiles(
                directory.path(),
                null,
                overwrite.given(),
                resume && UnfinishedComparison.isBeside(report))) {
      calibrations.addTo(results, true);
      results.read("--text", text);
      results.add(REPORT, report, ReportFormat::isOne);
      InputFile.require(text);
      Calibration calibration = calibrations.load(directory, backends, dryRun, output);
      EvaluationWindows windows = texts.of(text, calibrations.sequenceLength(), directory, output);
      Optional<Evaluation> asked =
          tasks.given() ? Optional.of(tasks.read(directory, output)) : Optional.empty();
      if (!dryRun) {
        results.reserve();
        CalibrationOptions.save(results, calibration);
      }
      try (Backend backend = backends.open(output)) {
        Comparison comparison =
            new Comparison(
                directory,
                backend,
                modules.choice(),
                calibration,
                windows,
                asked,
                !removals.isEmpty(),
                speed);
        plans.forEach(plan -> plan.check(comparison.chosen()));
        for (RemovalRequest removal : removals) {
          removal.check(directory);
          removal.update(directory, calibration, why -> output.detail("%s", why));
        }
        rules.forEach(comparison::check);
        if (!cluster.given()) {
          comparison.requireMemory(rules);
        }
        if (dryRun) {
          print(runs, comparison.estimate(rules, output.progress()));
          return;
        }
        Map<String, String> digests = new LinkedHashMap<>(SourceDigest.byFile(directory));
        digests.putAll(digest(calibration));
        digests.put("text", windows.sha256());
        asked.ifPresent(evaluation -> digests.put("tasks", evaluation.sha256()));
        cluster.runAnyway(
            backends,
            output,
            RunNeeds.processBytes(directory, true) + comparison.memoryBytes(rules),
            on -> {
              ComparisonWork work =
                  on.<ComparisonWork>map(
                          some ->
                              new ClusterComparison(
                                  some,
                                  directory,
                                  modules.choice(),
                                  (Calibration.FromSamples) calibration,
                                  windows,
                                  asked))
                      .orElse(comparison);
              String arithmetic = on.map(OnCluster::arithmetic).orElseGet(backend::arithmetic);
              ComparisonReport compared =
                  new ComparisonRun(runs, unfinished(digests, arithmetic), !removals.isEmpty())
                      .compare(
                          work,
                          (plan, progress) ->
                              plan.share(
                                  directory,
                                  comparison.chosen(),
                                  backend,
                                  calibration,
                                  on,
                                  progress));
              if (report != null) {
                RunFacts facts =
                    WandaCuda.facts(directory, backend, output, inputs(calibration, windows));
                results.write(REPORT, compared.content(report, facts));
                UnfinishedComparison.remove(report);
              }
              output.written(compared.toJson(), Stream::empty);
            });
      }
    }
  }

  private Map<String, Object> inputs(Calibration calibration, EvaluationWindows windows) {
    Map<String, Object> inputs = calibrations.facts(calibration);
    inputs.put("text", TextWindows.facts(text, windows));
    inputs.put("include", modules.choice().include().stream().map(Pattern::pattern).toList());
    inputs.put("exclude", modules.choice().exclude().stream().map(Pattern::pattern).toList());
    return inputs;
  }

  private void print(List<ComparedMethod> runs, TimeEstimate estimate) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("runs", runs.stream().map(ComparedMethod::text).toList());
    object.put("seconds", estimate.about());
    object.put("seconds_least", estimate.least());
    object.put("seconds_most", estimate.most());
    output.result(
        object,
        () ->
            Stream.concat(
                runs.stream().map(ComparedMethod::text),
                Stream.of(
                    "%d runs, %s%s"
                        .formatted(
                            runs.size(),
                            estimate.text(),
                            runs.stream().anyMatch(run -> run.removal() != null)
                                ? " for those that remove no parts"
                                : ""))));
  }

  private static Map<String, String> digest(Calibration calibration) {
    return switch (calibration) {
      case Calibration.FromSamples samples -> Map.of("calibration", samples.sha256());
      case Calibration.FromStatistics statistics -> Map.of("statistics", statistics.sha256().get());
      case Calibration.None none -> Map.of();
    };
  }

  private Optional<UnfinishedComparison> unfinished(
      Map<String, String> digests, String arithmetic) {
    if (report == null) {
      return Optional.empty();
    }
    Map<String, String> parts = new LinkedHashMap<>();
    parts.put("program", ThisRuntime.programVersion());
    parts.putAll(digests);
    parts.put("backend", arithmetic);
    parts.putAll(output.decisive(RUNS));
    Fingerprint fingerprint = new Fingerprint(parts);
    return Optional.of(
        resume
            ? UnfinishedComparison.resume(report, fingerprint)
            : UnfinishedComparison.begin(report, fingerprint, overwrite.given()));
  }

  /**
   * Does what is left of a comparison. Prints rows in the order that was asked for, each as soon as
   * those above it are there, and keeps what is measured at once.
   */
  private final class ComparisonRun implements ComparisonWork.Measured {
    private static final String NONE = "–";
    private static final String DENSE = "dense";

    private final List<ComparedMethod> methods;
    private final Optional<UnfinishedComparison> unfinished;
    private final boolean sized;
    private final String format;
    private final ComparedRun[] runs;
    private DenseFigures dense;
    private int printed;

    /**
     * Prepares a comparison.
     *
     * @param unfinished keeps what is done, if a report is wanted
     * @param sized whether parts go in some run, so that parameters have a column
     */
    ComparisonRun(
        List<ComparedMethod> methods, Optional<UnfinishedComparison> unfinished, boolean sized) {
      this.methods = methods;
      this.unfinished = unfinished;
      this.sized = sized;
      runs = new ComparedRun[methods.size()];
      int widest = methods.stream().mapToInt(method -> method.label().length()).max().orElse(0);
      format =
          "%-"
              + Math.max(widest, DENSE.length())
              + "s  %8s  %12s  %12s  %9s  %8s"
              + (tasks.given() ? "  %8s" : "")
              + (sized ? "  %14s" + (speed ? "  %s" : "") : "");
    }

    ComparisonReport compare(
        ComparisonWork work, BiFunction<PruningPlan, Progress, SharedSparsity> shares) {
      Progress progress = output.progress();
      print(
          List.of("accuracy", "parameters", "tokens/s"),
          List.of("method", "amount", "perplexity", "output error", "zeros", "seconds"));
      int all = runs.length + 1;
      List<Part> left = new ArrayList<>();
      unfinished
          .flatMap(UnfinishedComparison::dense)
          .ifPresentOrElse(this::show, () -> left.add(new Part(0, null)));
      for (int index = 0; index < runs.length; index++) {
        int place = index + 1;
        ComparedMethod method = methods.get(index);
        unfinished
            .flatMap(file -> file.like(method.label(), method.sparsity(), method.files()))
            .ifPresentOrElse(
                run -> show(place, run),
                () ->
                    left.add(
                        new Part(
                            place,
                            sharing ->
                                new Comparison.Way(
                                    method.label(),
                                    method.files(),
                                    method.plan() == null
                                        ? null
                                        : shares.apply(method.plan(), sharing),
                                    method.removal()))));
      }
      progress.begin((double) (all - left.size()) / all);
      work.measure(left, all, progress, this);
      return new ComparisonReport(dense, List.of(runs));
    }

    @Override
    public void dense(DenseFigures figures) {
      unfinished.ifPresent(file -> file.addDense(figures));
      show(figures);
    }

    @Override
    public void run(int place, ComparedRun run) {
      unfinished.ifPresent(file -> file.add(run));
      show(place, run);
    }

    private void show(DenseFigures figures) {
      dense = figures;
      String perplexity = number("%.4f", OptionalDouble.of(dense.perplexity()));
      print(more(dense.tasks(), dense.size()), List.of(DENSE, NONE, perplexity, NONE, NONE, NONE));
      showRuns();
    }

    private void show(int place, ComparedRun run) {
      runs[place - 1] = run;
      showRuns();
    }

    private void showRuns() {
      while (dense != null && printed < runs.length && runs[printed] != null) {
        ComparedRun run = runs[printed++];
        print(
            more(run.tasks(), run.size()),
            List.of(
                run.method(),
                run.sparsity().toString(),
                number("%.4f", run.perplexity()),
                run.relativeError().isPresent() ? number("%.5f", run.relativeError()) : NONE,
                run.size() == null ? "%.2f %%".formatted(100 * run.zeros()) : NONE,
                "%.1f".formatted(run.seconds())));
      }
    }

    private static String number(String format, OptionalDouble number) {
      return number.isPresent() ? format.formatted(number.getAsDouble()) : "not finite";
    }

    private static List<String> more(Map<String, TaskFigures> tasks, ComparedRun.Size size) {
      return List.of(
          number("%.4f", TaskFigures.mean(tasks.values())),
          size == null ? NONE : "%,d".formatted(size.parameters()),
          size == null || size.speed() == null ? NONE : size.speed().text());
    }

    /** Prints a row: the cells that all have, then those of more that are wanted. */
    private void print(List<String> more, List<String> cells) {
      List<String> all = new ArrayList<>(cells);
      int end = speed ? 3 : 2;
      all.addAll(more.subList(tasks.given() ? 0 : 1, sized ? end : 1));
      output.row(format.formatted(all.toArray()));
    }
  }
}
