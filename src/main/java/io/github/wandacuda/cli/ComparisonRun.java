package io.github.wandacuda.cli;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.job.Comparison;
import io.github.wandacuda.job.ComparisonWork;
import io.github.wandacuda.job.ComparisonWork.Part;
import io.github.wandacuda.job.SharedSparsity;
import io.github.wandacuda.job.record.ComparedRun;
import io.github.wandacuda.job.record.DenseFigures;
import io.github.wandacuda.job.record.UnfinishedComparison;
import io.github.wandacuda.report.ComparisonReport;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;

/**
 * Does what is left of a comparison, and prints a row for each run.
 *
 * @param work measures
 * @param unfinished keeps what is done, if a report is wanted
 * @param shares shares totals out
 * @param tasks whether there are tasks
 * @param output takes rows and progress
 */
record ComparisonRun(
    ComparisonWork work,
    Optional<UnfinishedComparison> unfinished,
    BiFunction<PruningPlan, Progress, SharedSparsity> shares,
    boolean tasks,
    OutputOptions output) {

  ComparisonReport compare(List<ComparedMethod> runs) {
    Progress progress = output.progress();
    Rows rows = new Rows(new ComparisonTable(runs, tasks, output), runs.size());
    int all = runs.size() + 1;
    List<Part> left = new ArrayList<>();
    Optional<DenseFigures> dense = unfinished.flatMap(UnfinishedComparison::dense);
    dense.ifPresentOrElse(rows::dense, () -> left.add(new Part(0, null)));
    for (int index = 0; index < runs.size(); index++) {
      int place = index + 1;
      ComparedMethod method = runs.get(index);
      unfinished
          .flatMap(file -> file.like(method.label(), method.sparsity(), method.files()))
          .ifPresentOrElse(
              run -> rows.run(place, run),
              () -> left.add(new Part(place, sharing -> way(method, sharing))));
    }
    progress.begin((double) (all - left.size()) / all);
    work.measure(left, all, progress, new Kept(rows, unfinished));
    return rows.report();
  }

  private Comparison.Way way(ComparedMethod method, Progress progress) {
    return new Comparison.Way(
        method.label(), method.sparsity(), method.files(), shares.apply(method.plan(), progress));
  }

  /** Keeps what is measured at once, and has it printed. */
  private record Kept(Rows rows, Optional<UnfinishedComparison> file)
      implements ComparisonWork.Measured {
    @Override
    public void dense(DenseFigures figures) {
      file.ifPresent(unfinished -> unfinished.addDense(figures));
      rows.dense(figures);
    }

    @Override
    public void run(int place, ComparedRun run) {
      file.ifPresent(unfinished -> unfinished.add(run));
      rows.run(place, run);
    }
  }

  /** Prints rows in the order that was asked for, each as soon as those above it are there. */
  private static final class Rows {
    private final ComparisonTable table;
    private final ComparedRun[] runs;
    private DenseFigures dense;
    private int printed;

    Rows(ComparisonTable table, int count) {
      this.table = table;
      runs = new ComparedRun[count];
    }

    void dense(DenseFigures figures) {
      dense = figures;
      table.dense(figures);
      print();
    }

    void run(int place, ComparedRun run) {
      runs[place - 1] = run;
      print();
    }

    private void print() {
      while (dense != null && printed < runs.length && runs[printed] != null) {
        table.row(runs[printed++]);
      }
    }

    ComparisonReport report() {
      return new ComparisonReport(dense, List.of(runs));
    }
  }
}
