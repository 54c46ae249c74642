package io.github.wandacuda.report;

import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.job.RunResult;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.verify.RowThresholds;
import io.github.wandacuda.prune.ModuleResult;
import io.github.wandacuda.prune.OutputErrors;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** The report by module, as JSON or HTML. */
public final class PruneReport {
  private PruneReport() {}

  /**
   * Returns the report as JSON, or as a page if the file's name ends in {@code .html}.
   *
   * @param thresholds of the modules that have some, by name
   * @param perplexities if they were measured
   */
  public static AtomicWrite.Content content(
      Path file,
      RunFacts facts,
      PruneRequest request,
      RunResult result,
      Map<String, RowThresholds> thresholds,
      Optional<Perplexities> perplexities) {
    return ReportFormat.content(
        file,
        () -> PrunePage.of(facts, request, result, thresholds, perplexities),
        () -> json(facts, request, result, thresholds, perplexities));
  }

  private static Map<String, Object> json(
      RunFacts facts,
      PruneRequest request,
      RunResult result,
      Map<String, RowThresholds> thresholds,
      Optional<Perplexities> perplexities) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("format", ReportFormat.NAME);
    object.putAll(facts.toJson());
    object.put("output", request.output().toString());
    object.put("method", request.rules().label());
    object.put("amount", request.rules().amount());
    object.put("seconds", result.seconds().total());
    object.put("zeros", result.zeros());
    object.put("weights", result.elements());
    perplexities.ifPresent(both -> object.put("perplexity", both.toJson()));
    object.put("pruned", result.pruned());
    object.put("sparsity", result.sparsity());
    object.put("dead_columns", result.deadColumns());
    object.put("zero_rows", result.zeroRows());
    object.put("mask_sha256", result.maskSha256());
    object.put(
        "modules",
        result.modules().stream()
            .map(module -> row(module, thresholds.get(module.module().name())))
            .toList());
    return object;
  }

  private static Map<String, Object> row(ModuleResult result, RowThresholds thresholds) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("name", result.module().name());
    row.put("dtype", result.module().tensor().dtype());
    row.put("rows", result.module().rows());
    row.put("columns", result.module().columns());
    row.put("pruned", result.pruned());
    row.put("zeros", result.zeros());
    row.put("sparsity", result.sparsity());
    row.put("zero_rows", result.zeroRows());
    if (result.norms() != null) {
      row.put("norms", norms(result));
    }
    if (thresholds != null) {
      row.put("row_thresholds", thresholds(thresholds));
    }
    if (result.errors() != null) {
      row.put("relative_error", errors(result.errors()));
    }
    return row;
  }

  private static Map<String, Object> errors(OutputErrors errors) {
    Map<String, Object> steps = new LinkedHashMap<>();
    steps.put("chosen", errors.relative(errors.chosen()));
    steps.put("refined", errors.relative(errors.refined()));
    steps.put("result", errors.relative(errors.result()));
    return steps;
  }

  private static Map<String, Object> thresholds(RowThresholds thresholds) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("lowest", thresholds.lowest());
    object.put("median", thresholds.median());
    object.put("highest", thresholds.highest());
    return object;
  }

  private static Map<String, Object> norms(ModuleResult result) {
    Map<String, Object> summary = NormSummary.of(result.norms()).toJson();
    summary.put("dead_columns", result.deadColumns());
    return summary;
  }
}
