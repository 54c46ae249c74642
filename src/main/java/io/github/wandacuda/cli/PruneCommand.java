package io.github.wandacuda.cli;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.cli.console.MemoryWatch;
import io.github.wandacuda.cli.option.BackendOptions;
import io.github.wandacuda.cli.option.CalibrationOptions;
import io.github.wandacuda.cli.option.ModelOption;
import io.github.wandacuda.cli.option.ModuleOptions;
import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.cli.option.ResultFiles;
import io.github.wandacuda.cli.option.SparsityOptions;
import io.github.wandacuda.cli.option.TargetOptions;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.PruneJob;
import io.github.wandacuda.job.RunResult;
import io.github.wandacuda.job.output.RunNeeds;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.prune.Method;
import io.github.wandacuda.prune.PruningRules;
import io.github.wandacuda.prune.Unreached;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Prunes a model directory into another one, or in place. */
@Command(
    name = "prune",
    description = "Prunes a model: a Hugging Face directory in, a pruned one out.",
    mixinStandardHelpOptions = true)
public final class PruneCommand implements Runnable {
  private static final Sparsity DEFAULT_SPARSITY = new Sparsity.Ratio(0.5);

  private static final String SAVED_STATISTICS = "--save-statistics";
  private static final String REPORT = "--report";

  @Mixin private ModelOption model;
  @Mixin private TargetOptions target;

  @Option(
      names = "--dry-run",
      description =
          "Check everything and print the plan, with bytes, memory and time; write nothing.")
  private boolean dryRun;

  @Option(
      names = SAVED_STATISTICS,
      paramLabel = "FILE",
      description = "Also write the norms that this run used.")
  private Path savedStatistics;

  @Option(
      names = REPORT,
      paramLabel = "FILE",
      description = "Write a report by module, as .json or .html.")
  private Path report;

  @Option(
      names = "--unreached",
      paramLabel = "NAME",
      defaultValue = "magnitude",
      description =
          "A module that no sample reached: magnitude, keep or fail (default: ${DEFAULT-VALUE}).")
  private String unreached;

  @Mixin private ResultFiles.OverwriteOption overwrite;
  @Mixin private SparsityOptions sparsity;
  @Mixin private CalibrationOptions calibrations;
  @Mixin private ModuleOptions modules;
  @Mixin private BackendOptions backends;
  @Mixin private OutputOptions output;

  @Override
  public void run() {
    backends.check();
    Method method = sparsity.method().orElse(Method.WANDA);
    Sparsity amount = sparsity.sparsity().orElse(DEFAULT_SPARSITY);
    Unreached fallback = Unreached.of(unreached);
    calibrations.check(method);
    target.check(calibrations.fromSamples(method));
    checkFiles(method);
    warnOfIdle(method);
    try (MemoryWatch memory = new MemoryWatch();
        ModelDirectory directory = target.inPlace() ? model.openAnyway() : model.open()) {
      Path place = target.directory(directory.path());
      ModelSummary.say(directory, output);
      if (!target.inPlace()) {
        PruningRules rules = new PruningRules(method, amount);
        List<LinearModule> chosen =
            PruneJob.check(directory, place, target.resume(), modules.choice(), rules);
        if (rules.changeNothing(chosen)) {
          output.warn("%s of each row of the chosen modules is nothing".formatted(amount));
        }
      }
      try (ResultFiles results = results(directory, place)) {
        Calibration calibration = calibrations.load(method, directory, output);
        PruneRequest request =
            new PruneRequest(
                place,
                method,
                amount,
                modules.choice(),
                calibration,
                target.verify(),
                target.resume(),
                fallback);
        prune(directory, request, results, memory);
      }
    }
  }

  private void warnOfIdle(Method method) {
    calibrations.warnOfIdle(method, output);
    if (target.resume()) {
      output.warnIfGiven("what is resumed is always checked", "--no-verify");
    }
    if (report == null && savedStatistics == null) {
      output.warnIfGiven("neither --report nor --save-statistics is given", "--overwrite");
    }
  }

  /** Checks the result files and, unless nothing will be written, reserves them. */
  private ResultFiles results(ModelDirectory directory, Path place) {
    ResultFiles results = new ResultFiles(directory.path(), place, overwrite.given());
    try {
      calibrations.addTo(results);
      results.add(SAVED_STATISTICS, savedStatistics, ResultFiles.Kind.STATISTICS);
      results.add(REPORT, report, ResultFiles.Kind.REPORT);
      if (!dryRun) {
        results.reserve();
      }
      return results;
    } catch (RuntimeException | Error e) {
      results.close();
      throw e;
    }
  }

  private void prune(
      ModelDirectory directory, PruneRequest request, ResultFiles results, MemoryWatch memory) {
    PruneJob job =
        target.inPlace()
            ? PruneJob.inPlace(directory, request)
            : PruneJob.toOutput(directory, request);
    ModelSummary.sayChosen(job.chosen(), output);
    if (target.inPlace() && !dryRun) {
      target.confirm(request, job.chosen().size());
    }
    try (Backend backend = backends.open(output).backend()) {
      RunNeeds needs = job.needs(backend);
      output.detail(
          "plan: %s, %s; %d bytes to read, %d to write, %d of memory besides the heap",
          request.method().label(),
          request.sparsity(),
          needs.readBytes(),
          needs.writeBytes(),
          needs.memoryBytes());
      if (dryRun) {
        PlanPrinter.print(directory, request, job, backend, output);
      } else {
        run(job, request, backend, results, memory);
      }
    }
  }

  private void run(
      PruneJob job,
      PruneRequest request,
      Backend backend,
      ResultFiles results,
      MemoryWatch memory) {
    RunResult result =
        job.run(
            backend,
            WandaCuda.Version.current(),
            output.progress(),
            unfinished -> save(request, unfinished, results));
    if (result.wasFinished() && (savedStatistics != null || report != null)) {
      output.say("the output was finished before: --save-statistics and --report are left out");
    }
    new PrunePrinter(request, backend).print(result, memory, output);
  }

  private void checkFiles(Method method) {
    if (report != null && !PruneReport.canBe(report)) {
      throw new UsageException(
          "--report: expected a name that ends in .json or .html, found '%s'".formatted(report));
    }
    if (savedStatistics != null && method == Method.MAGNITUDE) {
      throw new UsageException("--save-statistics: magnitude uses no norms that could be saved");
    }
  }

  private void save(PruneRequest request, RunResult result, ResultFiles results) {
    if (savedStatistics != null) {
      results.write(
          SAVED_STATISTICS, calibrations.statistics(result, request.calibration()).content());
    }
    if (report != null) {
      results.write(REPORT, PruneReport.content(report, request, result));
    }
  }
}
