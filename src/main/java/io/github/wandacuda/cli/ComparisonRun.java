package io.github.wandacuda.cli;

import io.github.wandacuda.calibrate.Progress;
import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.job.Comparison;
import io.github.wandacuda.job.record.ComparedRun;
import io.github.wandacuda.job.record.DenseFigures;
import io.github.wandacuda.job.record.UnfinishedComparison;
import io.github.wandacuda.prune.ModuleRules;
import io.github.wandacuda.report.ComparisonReport;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Does what is left of a comparison, and prints a row for each run.
 *
 * @param comparison does the runs
 * @param unfinished keeps those that are done, if a report is wanted
 * @param tasks whether there are tasks
 * @param output takes rows and progress
 */
record ComparisonRun(
    Comparison comparison,
    Optional<UnfinishedComparison> unfinished,
    boolean tasks,
    OutputOptions output) {

  ComparisonReport compare(List<ModuleRules> runs) {
    Progress progress = output.progress();
    ComparisonTable table = new ComparisonTable(runs, tasks, output);
    int parts = runs.size() + 1;
    progress.begin((double) done(runs) / parts);
    Optional<DenseFigures> before = unfinished.flatMap(UnfinishedComparison::dense);
    DenseFigures dense = before.orElseGet(() -> comparison.dense(progress.part(0, parts)));
    if (before.isEmpty()) {
      unfinished.ifPresent(file -> file.addDense(dense));
    }
    table.dense(dense);
    List<ComparedRun> done = new ArrayList<>();
    for (ModuleRules rules : runs) {
      Progress part = progress.part(done.size() + 1, parts);
      ComparedRun run = before(rules).orElseGet(() -> measure(rules, part));
      table.row(run);
      done.add(run);
    }
    return new ComparisonReport(dense, done);
  }

  /** Returns how many parts of the work an interrupted comparison has done. */
  private long done(List<ModuleRules> runs) {
    boolean dense = unfinished.isPresent() && unfinished.get().dense().isPresent();
    return (dense ? 1 : 0) + runs.stream().filter(rules -> before(rules).isPresent()).count();
  }

  private Optional<ComparedRun> before(ModuleRules rules) {
    return unfinished.flatMap(file -> file.like(rules.label(), rules.sparsity()));
  }

  private ComparedRun measure(ModuleRules rules, Progress progress) {
    ComparedRun run = comparison.run(rules, progress);
    unfinished.ifPresent(file -> file.add(run));
    return run;
  }
}
