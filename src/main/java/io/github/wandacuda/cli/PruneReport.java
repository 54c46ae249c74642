package io.github.wandacuda.cli;

import io.github.wandacuda.checkpoint.AtomicWrite;
import io.github.wandacuda.json.JsonText;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.PruneResult;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** The report by module. */
final class PruneReport {
  private PruneReport() {}

  /**
   * Writes the report as JSON.
   *
   * @throws io.github.wandacuda.error.OutputException if that fails
   */
  static void write(Path file, PruneResult result) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("pruned", result.pruned());
    object.put("sparsity", result.sparsity());
    object.put("mask_sha256", result.maskSha256());
    object.put("modules", result.modules().stream().map(PruneReport::row).toList());
    byte[] json = JsonText.of(object).getBytes(StandardCharsets.UTF_8);
    AtomicWrite.write(file, out -> out.write(json));
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
    if (result.norms() != null) {
      row.put("norms", norms(result.norms()));
    }
    return row;
  }

  private static Map<String, Object> norms(float[] norms) {
    float least = Float.POSITIVE_INFINITY;
    float most = 0;
    double sum = 0;
    int dead = 0;
    for (float norm : norms) {
      least = Math.min(least, norm);
      most = Math.max(most, norm);
      sum += norm;
      dead += norm == 0 ? 1 : 0;
    }
    Map<String, Object> summary = new LinkedHashMap<>();
    summary.put("least", norms.length == 0 ? 0 : least);
    summary.put("mean", norms.length == 0 ? 0 : sum / norms.length);
    summary.put("most", most);
    summary.put("dead_columns", dead);
    return summary;
  }
}
