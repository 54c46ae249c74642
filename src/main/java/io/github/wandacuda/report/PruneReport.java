package io.github.wandacuda.report;

import io.github.wandacuda.calibration.Divergence;
import io.github.wandacuda.evaluate.TextFigures;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.JsonText;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.pruning.ModuleReading;
import io.github.wandacuda.pruning.ModuleReading.RowThresholds;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.pruning.recipe.ModuleResult.OutputErrors;
import io.github.wandacuda.report.PruneReport.ModuleError.Measure;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.IntStream;

/**
 * The report of {@code prune}, as JSON or HTML.
 *
 * @param facts what did it, from what
 * @param request what was asked for
 * @param result of the run, or of one that had ended before
 * @param readings what was read of modules again, by module; empty after a run in place, which
 *     leaves no dense weights
 * @param perplexities if they were measured
 * @param memory peaks in bytes by their names, null if one isn't known; empty if the report was
 *     made after the run
 */
public record PruneReport(
    RunFacts facts,
    PruneRequest request,
    RunResult result,
    Map<String, ModuleReading> readings,
    Optional<Perplexities> perplexities,
    Map<String, Object> memory) {
  private static final int WORST = 5;

  /** Returns the report as JSON, or as a page if the file's name ends in {@code .html}. */
  public AtomicWrite.Content content(Path file) {
    return ReportFormat.content(file, facts, () -> new PrunePage(this).html(), this::json);
  }

  /**
   * Returns whether the run had ended before the report was asked for, so that its memory isn't
   * known.
   */
  boolean isAfterwards() {
    return memory.isEmpty();
  }

  /** Returns the most telling error that is known of a module. */
  Optional<ModuleError> error(ModuleResult module) {
    if (module.errors() != null) {
      return ModuleError.of(module, module.errors().relative(), Measure.OUTPUTS);
    }
    ModuleReading reading = readings.get(module.module().name());
    OptionalDouble lost = reading == null ? OptionalDouble.empty() : reading.lost();
    return ModuleError.of(module, lost, module.norms() == null ? Measure.WEIGHTS : Measure.NORMS);
  }

  /** Returns the modules with the largest errors, the largest first, five at most. */
  List<ModuleError> worst() {
    return result.modules().stream()
        .flatMap(module -> error(module).stream())
        .sorted(Comparator.comparingDouble(ModuleError::value).reversed())
        .limit(WORST)
        .toList();
  }

  Optional<RowThresholds> thresholds(ModuleResult module) {
    return Optional.ofNullable(readings.get(module.module().name()))
        .flatMap(ModuleReading::thresholds);
  }

  private Map<String, Object> json() {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("output", request.output().toString());
    object.put("method", request.rules().label());
    object.put("amount", request.rules().amount());
    object.put("afterwards", isAfterwards());
    if (!isAfterwards()) {
      object.put("seconds", result.seconds().total());
      object.put("seconds_by_phase", result.seconds().toJson());
      object.putAll(memory);
    }
    object.put("zeros", result.provenance().zeros());
    object.put("weights", result.provenance().elements());
    perplexities.ifPresent(both -> both.addTo(object));
    perplexities.flatMap(Perplexities::sample).ifPresent(sample -> object.put("sample", sample));
    object.put("pruned", result.provenance().pruned());
    object.put("sparsity", result.sparsity());
    object.put("dead_columns", result.deadColumns());
    object.put("zero_rows", result.zeroRows());
    object.put("mask_sha256", result.provenance().maskSha256());
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
      Map<String, Object> norms = JsonText.map(NormSummary.of(result.norms()));
      norms.put("dead_columns", result.deadColumns());
      row.put("norms", norms);
    }
    thresholds(result).ifPresent(rows -> row.put("row_thresholds", rows));
    if (result.errors() != null) {
      row.put(Measure.OUTPUTS.key, errors(result.errors()));
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

  /**
   * How much a module suffered.
   *
   * @param module the module's result
   * @param value the relative error, 0 for none
   * @param measure what it is an error of
   */
  record ModuleError(ModuleResult module, double value, Measure measure) {
    /** What an error is measured of, the most telling first. */
    enum Measure {
      /** The outputs, computed from second moments. */
      OUTPUTS("relative_error", "measured"),
      /** The outputs, estimated from norms: correlations between columns are left out. */
      NORMS("estimated_error", "from norms"),
      /** The weights, if there are no norms. */
      WEIGHTS("weight_error", "of weights");

      final String key;

      final String words;

      Measure(String key, String words) {
        this.key = key;
        this.words = words;
      }
    }

    private static Optional<ModuleError> of(
        ModuleResult result, OptionalDouble value, Measure measure) {
      return value.stream()
          .filter(Double::isFinite)
          .mapToObj(finite -> new ModuleError(result, finite, measure))
          .findFirst();
    }
  }

  /**
   * The norms of a module's input columns in a few numbers.
   *
   * @param least the lowest norm
   * @param median of an even number the lower one in the middle
   * @param mean the arithmetic mean
   * @param most the highest norm
   * @param outliers the columns whose norm is more than ten times the median, the largest first
   */
  record NormSummary(float least, float median, double mean, float most, List<Integer> outliers) {
    /** Large models have a few columns far beyond the others (arXiv 2306.11695, section 2). */
    private static final float OUTLIER = 10;

    /** Sums up norms, one for each column; all numbers are 0 if there are none. */
    static NormSummary of(float[] norms) {
      if (norms.length == 0) {
        return new NormSummary(0, 0, 0, 0, List.of());
      }
      float[] sorted = norms.clone();
      Arrays.sort(sorted);
      float median = sorted[(sorted.length - 1) / 2];
      double sum = 0;
      for (float norm : norms) {
        sum += norm;
      }
      return new NormSummary(
          sorted[0],
          median,
          sum / norms.length,
          sorted[sorted.length - 1],
          outliers(norms, median));
    }

    private static List<Integer> outliers(float[] norms, float median) {
      return IntStream.range(0, norms.length)
          .filter(column -> median > 0 && norms[column] > OUTLIER * median)
          .boxed()
          .sorted((a, b) -> Float.compare(norms[b], norms[a]))
          .toList();
    }
  }

  /**
   * A model's perplexity on a text before and after, and what it writes.
   *
   * @param before the dense model's
   * @param after the pruned model's
   * @param divergence of the pruned model's predictions from the dense one's; nothing where the
   *     dense weights were gone by then
   * @param sample how both go on with the text's beginning; nothing if that wasn't asked for or
   *     can't be had
   */
  public record Perplexities(
      double before, double after, Optional<Divergence> divergence, Optional<Sample> sample) {
    /**
     * How both models go on with the beginning of a text, each token the most probable one.
     *
     * @param prompt the beginning of the text
     * @param before what the dense model goes on with
     * @param after what the pruned model goes on with
     */
    public record Sample(String prompt, String before, String after) {}

    /** Adds the numbers by the names that the JSON has. */
    public void addTo(Map<String, Object> object) {
      Map<String, Object> both = new LinkedHashMap<>();
      both.put("before", before);
      both.put("after", after);
      object.put("perplexity", both);
      divergence.ifPresent(found -> TextFigures.add(found, object));
    }

    /** Returns the numbers for a person. */
    public String text() {
      return "perplexity %.4f before, %.4f after".formatted(before, after)
          + divergence.map(found -> "; " + TextFigures.text(found)).orElse("");
    }
  }
}
