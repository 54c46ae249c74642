package io.github.wandacuda.report;

import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.job.ComparedRun;
import io.github.wandacuda.job.DenseFigures;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The report of {@code compare}.
 *
 * @param dense the dense model
 * @param runs the ways of pruning it, in the order that was asked for
 */
public record ComparisonReport(DenseFigures dense, List<ComparedRun> runs) {
  /** Copies the list. */
  public ComparisonReport {
    runs = List.copyOf(runs);
  }

  /** Returns the numbers. */
  public Map<String, Object> toJson() {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("dense", dense.toJson());
    object.put("runs", runs.stream().map(ComparedRun::toJson).toList());
    return object;
  }

  /** Returns the report as JSON, or as a page if the file's name ends in {@code .html}. */
  public AtomicWrite.Content content(Path file, RunFacts facts) {
    return ReportFormat.content(file, () -> ComparisonPage.of(facts, this), () -> json(facts));
  }

  private Map<String, Object> json(RunFacts facts) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("format", ReportFormat.NAME);
    object.putAll(facts.toJson());
    object.putAll(toJson());
    return object;
  }
}
