package io.github.wandacuda.cli;

import io.github.wandacuda.cli.option.ReportFormat;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.json.JsonText;
import io.github.wandacuda.job.RunResult;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.prune.ModuleResult;
import io.github.wandacuda.prune.OutputErrors;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** The report by module, as JSON or HTML. */
final class PruneReport {
  private PruneReport() {}

  /** Returns whether reports can be written to a file of this name. */
  static boolean canBe(Path file) {
    return isHtml(file) || file.toString().endsWith(".json");
  }

  private static boolean isHtml(Path file) {
    return file.toString().endsWith(".html");
  }

  /** Returns the report as JSON, or as a page if the file's name ends in {@code .html}. */
  static AtomicWrite.Content content(Path file, PruneRequest request, RunResult result) {
    String text = isHtml(file) ? HtmlReport.of(request, result) : json(result);
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return out -> out.write(bytes);
  }

  private static String json(RunResult result) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("format", ReportFormat.NAME);
    object.put("pruned", result.pruned());
    object.put("sparsity", result.sparsity());
    object.put("dead_columns", result.deadColumns());
    object.put("zero_rows", result.zeroRows());
    object.put("mask_sha256", result.maskSha256());
    object.put("modules", result.modules().stream().map(PruneReport::row).toList());
    return JsonText.of(object);
  }

  private static Map<String, Object> row(ModuleResult result) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("name", result.module().name());
    row.put("dtype", result.module().tensor().dtype());
    row.put("rows", result.module().rows());
    row.put("columns", result.module().columns());
    row.put("pruned", result.pruned());
    row.put("zeros", result.zeros());
    long elements = result.module().elements();
    row.put("sparsity", elements == 0 ? 0 : (double) result.zeros() / elements);
    row.put("zero_rows", result.zeroRows());
    if (result.norms() != null) {
      row.put("norms", norms(result));
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

  private static Map<String, Object> norms(ModuleResult result) {
    NormSummary norms = NormSummary.of(result.norms());
    Map<String, Object> summary = new LinkedHashMap<>();
    summary.put("least", norms.least());
    summary.put("mean", norms.mean());
    summary.put("most", norms.most());
    summary.put("dead_columns", result.deadColumns());
    return summary;
  }

  /**
   * The range of a module's input norms.
   *
   * @param least the least one
   * @param mean their mean
   * @param most the largest one
   */
  record NormSummary(float least, double mean, float most) {

    static NormSummary of(float[] norms) {
      float least = Float.POSITIVE_INFINITY;
      float most = 0;
      double sum = 0;
      for (float norm : norms) {
        least = Math.min(least, norm);
        most = Math.max(most, norm);
        sum += norm;
      }
      return norms.length == 0
          ? new NormSummary(0, 0, 0)
          : new NormSummary(least, sum / norms.length, most);
    }
  }
}
