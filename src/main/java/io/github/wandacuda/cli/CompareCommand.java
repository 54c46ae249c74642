package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibrate.CalibrationSamples;
import io.github.wandacuda.calibrate.EvaluationWindows;
import io.github.wandacuda.cli.option.BackendOptions;
import io.github.wandacuda.cli.option.ClusterOption;
import io.github.wandacuda.cli.option.ComparedMethods;
import io.github.wandacuda.cli.option.ModelOption;
import io.github.wandacuda.cli.option.ModuleOptions;
import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.cli.option.ResultFiles;
import io.github.wandacuda.cli.option.SampleOptions;
import io.github.wandacuda.cli.option.TaskOptions;
import io.github.wandacuda.cli.option.TextWindows;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.evaluate.Evaluation;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.job.Comparison;
import io.github.wandacuda.job.TimeEstimate;
import io.github.wandacuda.job.compare.ClusterComparison;
import io.github.wandacuda.job.compare.ComparisonHere;
import io.github.wandacuda.job.compare.ComparisonWork;
import io.github.wandacuda.job.output.RunNeeds;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.Fingerprint;
import io.github.wandacuda.job.record.SourceDigest;
import io.github.wandacuda.job.record.UnfinishedComparison;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.prune.ModuleRules;
import io.github.wandacuda.report.ComparisonReport;
import io.github.wandacuda.report.ReportFormat;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Compares methods and sparsities on one model, without writing one. */
@Command(
    name = "compare",
    description =
        "Compares methods and sparsities on one model, which is pruned in memory:"
            + " perplexity, tasks, errors.",
    footerHeading = "%n",
    footer = {
      "  wanda-cuda compare --model org/model --calibration c4.json.gz \\",
      "      --text wiki.parquet --sparsity 0.5,0.6 --report compared.html"
    },
    mixinStandardHelpOptions = true)
final class CompareCommand implements Runnable {
  /** Options that say which runs there are; each of them is known by what they make of it. */
  static final String[] RUNS = {"--methods", "--sparsity", "--pattern"};

  private static final String REPORT = "--report";

  @Mixin private ModelOption model;

  @Option(
      names = "--calibration",
      required = true,
      paramLabel = "FILE",
      description = SampleOptions.FORMATS)
  private Path calibration;

  @Option(
      names = "--text",
      required = true,
      paramLabel = "FILE",
      description = "What perplexity is measured on: " + TextWindows.FORMATS + ".")
  private Path text;

  @Mixin private ComparedMethods methods;
  @Mixin private TaskOptions tasks;

  @Option(
      names = REPORT,
      paramLabel = "FILE",
      description = "Write a report with charts, as .html, or its numbers, as .json.")
  private Path report;

  @Option(
      names = "--resume",
      description = "Go on with a comparison that was interrupted; goes with --report.")
  private boolean resume;

  @Option(
      names = "--dry-run",
      description = "Check everything, print the runs and how long they take; write nothing.")
  private boolean dryRun;

  @Mixin private ResultFiles.OverwriteOption overwrite;
  @Mixin private SampleOptions sampling;
  @Mixin private ModuleOptions modules;
  @Mixin private BackendOptions backends;
  @Mixin private ClusterOption cluster;
  @Mixin private OutputOptions output;

  @Override
  public void run() {
    backends.check();
    cluster.check();
    List<ModuleRules> runs = methods.rules();
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
    SampleOptions.warnOfIdle(calibration, output);
    try (ModelDirectory directory = model.open();
        ResultFiles results =
            new ResultFiles(
                directory.path(),
                null,
                overwrite.given(),
                resume && UnfinishedComparison.isBeside(report))) {
      ModelSummary.say(directory, output);
      results.read("--calibration", calibration);
      results.read("--text", text);
      results.add(REPORT, report, ResultFiles.Kind.REPORT);
      InputFile.require(text);
      CalibrationSamples samples = sampling.draw(calibration, directory);
      SampleOptions.say(calibration, samples, output);
      EvaluationWindows windows = windows(directory);
      Optional<Evaluation> asked =
          tasks.given() ? Optional.of(tasks.read(directory, output)) : Optional.empty();
      if (!dryRun) {
        results.reserve();
      }
      Calibration.FromSamples calibrated = sampling.calibration(samples);
      try (Backend backend = backends.open(output).backend()) {
        Comparison comparison =
            new Comparison(directory, backend, modules.choice(), calibrated, windows, asked);
        runs.forEach(comparison::check);
        if (!cluster.given()) {
          comparison.requireMemory(runs);
        }
        if (dryRun) {
          print(runs, comparison.estimate(runs, output.progress()));
          return;
        }
        Map<String, String> digests = new LinkedHashMap<>(SourceDigest.byFile(directory));
        digests.put("calibration", samples.sha256());
        digests.put("text", windows.sha256());
        asked.ifPresent(evaluation -> digests.put("tasks", evaluation.sha256()));
        BiFunction<ComparisonWork, String, ComparisonReport> compare =
            (work, arithmetic) -> {
              Optional<UnfinishedComparison> unfinished = unfinished(digests, arithmetic);
              return new ComparisonRun(work, unfinished, asked.isPresent(), output).compare(runs);
            };
        ComparisonReport compared =
            cluster.given()
                ? cluster.run(
                    backends,
                    output,
                    RunNeeds.processBytes(directory) + comparison.memoryBytes(runs),
                    on ->
                        compare.apply(
                            new ClusterComparison(
                                on, directory, modules.choice(), calibrated, windows, asked),
                            on.arithmetic()))
                : compare.apply(new ComparisonHere(comparison), backend.arithmetic());
        if (report != null) {
          results.write(
              REPORT,
              compared.content(
                  report, WandaCuda.facts(directory, backend, output, inputs(samples, windows))));
          UnfinishedComparison.remove(report);
        }
        output.written(compared.toJson(), Stream::empty);
      }
    }
  }

  /** Returns what the results depend on, by the names that the report has. */
  private Map<String, Object> inputs(CalibrationSamples samples, EvaluationWindows windows) {
    Map<String, Object> inputs = new LinkedHashMap<>();
    inputs.put("calibration_file", calibration.toString());
    inputs.put("samples", samples.tokens().length);
    inputs.put("sequence_length", samples.sequenceLength());
    inputs.put("seed", sampling.seed());
    inputs.put("calibration_sha256", samples.sha256());
    inputs.put("text", TextWindows.facts(text, windows));
    inputs.put("include", modules.choice().include());
    inputs.put("exclude", modules.choice().exclude());
    return inputs;
  }

  private void print(List<ModuleRules> runs, TimeEstimate estimate) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("runs", runs.stream().map(rules -> rules.label() + " " + rules.amount()).toList());
    object.put("seconds", estimate.about());
    object.put("seconds_least", estimate.least());
    object.put("seconds_most", estimate.most());
    output.result(
        object,
        () ->
            Stream.concat(
                runs.stream().map(rules -> rules.label() + " " + rules.amount()),
                Stream.of("%d runs, %s".formatted(runs.size(), estimate.text()))));
  }

  private EvaluationWindows windows(ModelDirectory directory) {
    return TextWindows.of(text, sampling.sequenceLength(), directory, output)
        .requireOneLength(text);
  }

  private Optional<UnfinishedComparison> unfinished(
      Map<String, String> digests, String arithmetic) {
    if (report == null) {
      return Optional.empty();
    }
    Map<String, String> parts = new LinkedHashMap<>();
    parts.put("program", WandaCuda.Version.current());
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
