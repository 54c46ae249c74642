package io.github.wandacuda.cli;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.evaluate.TaskFigures;
import io.github.wandacuda.job.ComparedRun;
import io.github.wandacuda.job.ComparedRun.DenseFigures;
import io.github.wandacuda.job.Comparison;
import io.github.wandacuda.job.ComparisonWork;
import io.github.wandacuda.job.ComparisonWork.Part;
import io.github.wandacuda.job.PruningPlan;
import io.github.wandacuda.job.SharedSparsity;
import io.github.wandacuda.job.UnfinishedComparison;
import io.github.wandacuda.report.ComparisonReport;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
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
        method.label(), method.files(), shares.apply(method.plan(), progress));
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

  /** The table of a comparison on the terminal, which grows by a row with each run. */
  private static final class ComparisonTable {
    private static final String NONE = "–";
    private static final String DENSE = "dense";

    private final OutputOptions output;
    private final String format;
    private final boolean tasks;

    /**
     * Prints the heading.
     *
     * @param tasks whether there are tasks, whose mean accuracy has a column
     */
    ComparisonTable(List<ComparedMethod> runs, boolean tasks, OutputOptions output) {
      this.output = output;
      this.tasks = tasks;
      int widest = runs.stream().mapToInt(method -> method.label().length()).max().orElse(0);
      format =
          "%-"
              + Math.max(widest, DENSE.length())
              + "s  %8s  %12s  %12s  %9s  %8s"
              + (tasks ? "  %8s" : "");
      print("method", "amount", "perplexity", "output error", "zeros", "seconds", "accuracy");
    }

    void dense(DenseFigures dense) {
      print(
          DENSE,
          NONE,
          number("%.4f", OptionalDouble.of(dense.perplexity())),
          NONE,
          NONE,
          NONE,
          number("%.4f", TaskFigures.mean(dense.tasks().values())));
    }

    void row(ComparedRun run) {
      print(
          run.method(),
          run.sparsity().toString(),
          number("%.4f", run.perplexity()),
          run.relativeError().isPresent() ? number("%.5f", run.relativeError()) : NONE,
          "%.2f %%".formatted(100 * run.zeros()),
          "%.1f".formatted(run.seconds()),
          number("%.4f", TaskFigures.mean(run.tasks().values())));
    }

    private static String number(String format, OptionalDouble number) {
      return number.isPresent() ? format.formatted(number.getAsDouble()) : "not finite";
    }

    private void print(String... cells) {
      output.row(
          format.formatted(
              (Object[]) Arrays.copyOf(cells, tasks ? cells.length : cells.length - 1)));
    }
  }
}
