package io.github.wandacuda.report;

import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.job.ModuleReading;
import io.github.wandacuda.job.ModuleReading.RowThresholds;
import io.github.wandacuda.job.PruneRequest;
import io.github.wandacuda.job.RunResult;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.OutputErrors;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The report of {@code prune}, as JSON or HTML.
 *
 * @param facts what did it, from what
 * @param request the run's
 * @param result of the run, or of one that had ended before
 * @param readings of modules, by name; none after a run in place, which left no dense weights
 * @param perplexities if they were measured
 * @param memory bytes at the peak by their names, null where they aren't known; empty if the report
 *     was made after the run
 */
public record PruneReport(
    RunFacts facts,
    PruneRequest request,
    RunResult result,
    Map<String, ModuleReading> readings,
    Optional<Perplexities> perplexities,
    Map<String, Object> memory) {

  /** Returns the report as JSON, or as a page if the file's name ends in {@code .html}. */
  public AtomicWrite.Content content(Path file) {
    return ReportFormat.content(file, () -> new PrunePage(this).html(), this::json);
  }

  /** Returns whether the run had ended before the report was asked for. */
  boolean isAfterwards() {
    return memory.isEmpty();
  }

  /** Returns how much a module suffered, if that is known. */
  Optional<ModuleError> error(ModuleResult module) {
    return ModuleError.of(module, readings.get(module.module().name()));
  }

  /** Returns the modules that suffered most. */
  List<ModuleError> worst() {
    return ModuleError.worst(result.modules(), readings);
  }

  /** Returns the thresholds of a module's rows, if it has some. */
  Optional<RowThresholds> thresholds(ModuleResult module) {
    return Optional.ofNullable(readings.get(module.module().name()))
        .flatMap(ModuleReading::thresholds);
  }

  private Map<String, Object> json() {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("format", ReportFormat.NAME);
    object.putAll(facts.toJson());
    object.put("output", request.output().toString());
    object.put("method", request.rules().label());
    object.put("amount", request.rules().amount());
    object.put("afterwards", isAfterwards());
    if (!isAfterwards()) {
      object.put("seconds", result.seconds().total());
      object.put("seconds_by_phase", result.seconds().toJson());
      object.putAll(memory);
    }
    object.put("zeros", result.zeros());
    object.put("weights", result.elements());
    perplexities.ifPresent(both -> object.put("perplexity", both.toJson()));
    perplexities
        .flatMap(Perplexities::sample)
        .ifPresent(sample -> object.put("sample", sample.toJson()));
    object.put("pruned", result.pruned());
    object.put("sparsity", result.sparsity());
    object.put("dead_columns", result.deadColumns());
    object.put("zero_rows", result.zeroRows());
    object.put("mask_sha256", result.maskSha256());
    object.put("worst", worst().stream().map(PruneReport::worst).toList());
    object.put("modules", result.modules().stream().map(this::row).toList());
    return object;
  }

  private static Map<String, Object> worst(ModuleError error) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("name", error.module().module().name());
    object.put(error.measure().key, error.value());
    return object;
  }

  private Map<String, Object> row(ModuleResult result) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("name", result.module().name());
    row.put("dtype", result.module().tensor().dtype());
    row.put("rows", result.module().rows());
    row.put("columns", result.module().columns());
    row.put("amount", request.rules().of(result.module()).amount());
    row.put("pruned", result.pruned());
    row.put("zeros", result.zeros());
    row.put("sparsity", result.sparsity());
    row.put("zero_rows", result.zeroRows());
    if (result.norms() != null) {
      row.put("norms", norms(result));
    }
    thresholds(result).ifPresent(rows -> row.put("row_thresholds", thresholds(rows)));
    if (result.errors() != null) {
      row.put(ModuleError.Measure.OUTPUTS.key, errors(result.errors()));
    } else {
      error(result).ifPresent(error -> row.put(error.measure().key, error.value()));
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
