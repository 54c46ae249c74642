package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.EvaluationWindows;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.cli.option.BackendOptions;
import io.github.wandacuda.cli.option.CalibrationOptions;
import io.github.wandacuda.cli.option.ClusterOption;
import io.github.wandacuda.cli.option.ComparedMethod;
import io.github.wandacuda.cli.option.ComparedMethods;
import io.github.wandacuda.cli.option.ModuleOptions;
import io.github.wandacuda.cli.option.OptionValues;
import io.github.wandacuda.cli.option.OverwriteOption;
import io.github.wandacuda.cli.option.ResultFiles;
import io.github.wandacuda.cli.option.TaskOptions;
import io.github.wandacuda.cli.option.TextModelOption;
import io.github.wandacuda.cli.option.TextWindows;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.evaluate.Evaluation;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.job.cluster.OnCluster;
import io.github.wandacuda.job.compare.AskedRun;
import io.github.wandacuda.job.compare.ClusterComparison;
import io.github.wandacuda.job.compare.Comparison;
import io.github.wandacuda.job.compare.ComparisonFigures;
import io.github.wandacuda.job.compare.ComparisonRun;
import io.github.wandacuda.job.compare.ComparisonWork;
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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
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

  @Mixin private TextModelOption model;

  @Mixin private CalibrationOptions calibrations;

  @Option(
      names = "--text",
      required = true,
      paramLabel = "FILE",
      converter = OptionValues.TextConverter.class,
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
    Asked asked = Asked.of(methods.runs());
    check(asked);
    try (ModelDirectory directory = model.open(output);
        ResultFiles results =
            new ResultFiles(
                directory.path(),
                null,
                overwrite.given(),
                resume && UnfinishedComparison.isBeside(report))) {
      name(results);
      Calibration calibration = calibrations.load(directory, backends, dryRun, output);
      EvaluationWindows windows = texts.of(text, calibrations.sequenceLength(), directory, output);
      Optional<Evaluation> evaluation =
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
                evaluation,
                asked.removes(),
                speed);
        check(asked, comparison);
        if (dryRun) {
          print(asked, comparison.estimate(asked.rules(), output.progress()));
        } else {
          compare(asked, comparison, results);
        }
      }
    }
  }

  /** The runs that are asked for, and those of them that go by plans and that remove parts. */
  private record Asked(
      List<ComparedMethod> methods, List<PruningPlan> plans, List<RemovalRequest> removals) {
    static Asked of(List<ComparedMethod> methods) {
      return new Asked(
          methods,
          methods.stream().map(ComparedMethod::plan).filter(Objects::nonNull).toList(),
          methods.stream().map(ComparedMethod::removal).filter(Objects::nonNull).toList());
    }

    boolean removes() {
      return !removals.isEmpty();
    }

    List<PruningRules> rules() {
      return plans.stream().map(PruningPlan::rules).toList();
    }
  }

  /** Checks what can be checked without a model. */
  private void check(Asked asked) {
    if (asked.removes() && cluster.given()) {
      throw new UsageException(
          "%s compares no methods that remove parts: leave out %s"
              .formatted(
                  ClusterOption.NAME, asked.removals().getFirst().parts().structure().label()));
    }
    if (!asked.removes()) {
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
    calibrations.check(asked.methods(), output);
  }

  /** Names the files that are read and written. */
  private void name(ResultFiles results) {
    calibrations.addTo(results, true);
    results.read("--text", text);
    results.add(REPORT, report, ReportFormat::isOne);
    InputFile.require(text);
  }

  /** Checks that the model can be pruned in each way that is asked for, in the memory there is. */
  private void check(Asked asked, Comparison comparison) {
    asked.plans().forEach(plan -> plan.check(comparison.chosen()));
    for (RemovalRequest removal : asked.removals()) {
      removal.check(comparison.model());
      removal.update(comparison.model(), comparison.calibration(), why -> output.detail("%s", why));
    }
    asked.rules().forEach(comparison::check);
    if (!cluster.given()) {
      comparison.requireMemory(asked.rules());
    }
  }

  private void compare(Asked asked, Comparison comparison, ResultFiles results) {
    Map<String, String> digests = digests(comparison);
    cluster.runAnyway(
        backends,
        output,
        RunNeeds.processBytes(comparison.model(), true) + comparison.memoryBytes(asked.rules()),
        on -> {
          String arithmetic =
              on.map(OnCluster::arithmetic).orElseGet(comparison.backend()::arithmetic);
          ComparisonRows rows =
              new ComparisonRows(output, asked.methods(), tasks.given(), asked.removes(), speed);
          ComparisonRun run =
              new ComparisonRun(runs(asked, comparison, on), unfinished(digests, arithmetic), rows);
          rows.head();
          ComparisonFigures figures = run.compare(work(comparison, on), output.progress());
          write(new ComparisonReport(figures.dense(), figures.runs()), comparison, results);
        });
  }

  private static ComparisonWork work(Comparison comparison, Optional<OnCluster> on) {
    return on.<ComparisonWork>map(
            cluster ->
                new ClusterComparison(
                    cluster,
                    comparison.model(),
                    comparison.choice(),
                    (Calibration.FromSamples) comparison.calibration(),
                    comparison.text(),
                    comparison.tasks()))
        .orElse(comparison);
  }

  private static List<AskedRun> runs(Asked asked, Comparison comparison, Optional<OnCluster> on) {
    return asked.methods().stream()
        .map(
            method ->
                new AskedRun(
                    method.label(),
                    method.sparsity(),
                    method.files(),
                    progress -> way(method, comparison, on, progress)))
        .toList();
  }

  private static Comparison.Way way(
      ComparedMethod method, Comparison comparison, Optional<OnCluster> on, Progress progress) {
    SharedSparsity shared =
        method.plan() == null
            ? null
            : method
                .plan()
                .share(
                    comparison.model(),
                    comparison.chosen(),
                    comparison.backend(),
                    comparison.calibration(),
                    on,
                    progress);
    return new Comparison.Way(method.label(), method.files(), shared, method.removal());
  }

  /** Writes the report, if one is wanted, and prints the result. */
  private void write(ComparisonReport compared, Comparison comparison, ResultFiles results) {
    if (report != null) {
      RunFacts facts =
          WandaCuda.facts(
              comparison.model(),
              comparison.backend(),
              output,
              inputs(comparison.calibration(), comparison.text()));
      results.write(REPORT, compared.content(report, facts));
      UnfinishedComparison.remove(report);
    }
    output.written(compared.toJson(), Stream::empty);
  }

  private Map<String, Object> inputs(Calibration calibration, EvaluationWindows windows) {
    Map<String, Object> inputs = calibrations.facts(calibration);
    inputs.put("text", TextWindows.facts(text, windows));
    inputs.put("include", modules.choice().include().stream().map(Pattern::pattern).toList());
    inputs.put("exclude", modules.choice().exclude().stream().map(Pattern::pattern).toList());
    return inputs;
  }

  private void print(Asked asked, TimeEstimate estimate) {
    List<String> runs = asked.methods().stream().map(ComparedMethod::text).toList();
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("runs", runs);
    object.put("seconds", estimate.about());
    object.put("seconds_least", estimate.least());
    object.put("seconds_most", estimate.most());
    String all =
        "%d runs, %s%s"
            .formatted(
                runs.size(),
                estimate.text(),
                asked.removes() ? " for those that remove no parts" : "");
    output.result(object, () -> Stream.concat(runs.stream(), Stream.of(all)));
  }

  /** Returns the SHA-256 of all that is read, by what it is. */
  private static Map<String, String> digests(Comparison comparison) {
    Map<String, String> digests = new LinkedHashMap<>(SourceDigest.byFile(comparison.model()));
    digests.putAll(digest(comparison.calibration()));
    digests.put("text", comparison.text().sha256());
    comparison.tasks().ifPresent(evaluation -> digests.put("tasks", evaluation.sha256()));
    return digests;
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
}
