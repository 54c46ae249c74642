package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.cli.option.CalibrationOptions;
import io.github.wandacuda.cli.option.EvaluateOption;
import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.cli.option.ResultFiles;
import io.github.wandacuda.job.RunResult;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.verify.RowThresholds;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.report.Perplexities;
import io.github.wandacuda.report.PruneReport;
import io.github.wandacuda.report.RunFacts;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * What a run of {@code prune} writes and measures beside the pruned model, where it is asked to.
 */
record PruneExtras(
    ModelDirectory model,
    PruneRequest request,
    Backend backend,
    CalibrationOptions calibrations,
    EvaluateOption evaluation,
    Files files,
    OutputOptions output) {

  /**
   * Files beside the output.
   *
   * @param statistics takes the norms that were used, or null
   * @param report takes a report, or null
   * @param results writes them
   */
  record Files(Path statistics, Path report, ResultFiles results) {}

  /** Measures the pruned model, and returns its perplexity with that of the dense one. */
  Perplexities perplexities(double before) {
    try (ModelDirectory pruned = ModelDirectory.open(request.output())) {
      return new Perplexities(before, evaluation.perplexity(pruned, backend, output));
    }
  }

  void saveStatistics(RunResult result) {
    if (files.statistics() != null) {
      files
          .results()
          .write(
              PruneCommand.SAVED_STATISTICS,
              calibrations.statistics(result, request.calibration()).content());
    }
  }

  void writeReport(RunResult result, Optional<Perplexities> perplexities) {
    if (files.report() == null) {
      return;
    }
    RunFacts facts = WandaCuda.facts(model, backend);
    // In place, the weights that were taken out are gone.
    Map<String, RowThresholds> thresholds =
        request.output().equals(model.path())
            ? Map.of()
            : RowThresholds.of(request.output(), request.rules(), result.modules(), backend);
    files
        .results()
        .write(
            PruneCommand.REPORT,
            PruneReport.content(files.report(), facts, request, result, thresholds, perplexities));
  }
}
