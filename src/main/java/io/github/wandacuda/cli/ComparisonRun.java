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
 * Does what is left of a comparison. Prints rows in the order that was asked for, each as soon as
 * those above it are there, and keeps what is measured at once.
 */
final class ComparisonRun implements ComparisonWork.Measured {
  private static final String NONE = "–";
  private static final String DENSE = "dense";

  private final List<ComparedMethods.Run> methods;
  private final Optional<UnfinishedComparison> unfinished;
  private final boolean tasks;
  private final OutputOptions output;
  private final String format;
  private final ComparedRun[] runs;
  private DenseFigures dense;
  private int printed;

  /**
   * Prepares a comparison.
   *
   * @param unfinished keeps what is done, if a report is wanted
   * @param tasks whether there are tasks, whose mean accuracy has a column
   */
  ComparisonRun(
      List<ComparedMethods.Run> methods,
      Optional<UnfinishedComparison> unfinished,
      boolean tasks,
      OutputOptions output) {
    this.methods = methods;
    this.unfinished = unfinished;
    this.tasks = tasks;
    this.output = output;
    runs = new ComparedRun[methods.size()];
    int widest = methods.stream().mapToInt(method -> method.label().length()).max().orElse(0);
    format =
        "%-"
            + Math.max(widest, DENSE.length())
            + "s  %8s  %12s  %12s  %9s  %8s"
            + (tasks ? "  %8s" : "");
  }

  ComparisonReport compare(
      ComparisonWork work, BiFunction<PruningPlan, Progress, SharedSparsity> shares) {
    Progress progress = output.progress();
    print("method", "amount", "perplexity", "output error", "zeros", "seconds", "accuracy");
    int all = runs.length + 1;
    List<Part> left = new ArrayList<>();
    unfinished
        .flatMap(UnfinishedComparison::dense)
        .ifPresentOrElse(this::show, () -> left.add(new Part(0, null)));
    for (int index = 0; index < runs.length; index++) {
      int place = index + 1;
      ComparedMethods.Run method = methods.get(index);
      unfinished
          .flatMap(file -> file.like(method.label(), method.sparsity(), method.files()))
          .ifPresentOrElse(
              run -> show(place, run),
              () ->
                  left.add(
                      new Part(
                          place,
                          sharing ->
                              new Comparison.Way(
                                  method.label(),
                                  method.files(),
                                  shares.apply(method.plan(), sharing)))));
    }
    progress.begin((double) (all - left.size()) / all);
    work.measure(left, all, progress, this);
    return new ComparisonReport(dense, List.of(runs));
  }

  @Override
  public void dense(DenseFigures figures) {
    unfinished.ifPresent(file -> file.addDense(figures));
    show(figures);
  }

  @Override
  public void run(int place, ComparedRun run) {
    unfinished.ifPresent(file -> file.add(run));
    show(place, run);
  }

  private void show(DenseFigures figures) {
    dense = figures;
    print(
        DENSE,
        NONE,
        number("%.4f", OptionalDouble.of(dense.perplexity())),
        NONE,
        NONE,
        NONE,
        number("%.4f", TaskFigures.mean(dense.tasks().values())));
    showRuns();
  }

  private void show(int place, ComparedRun run) {
    runs[place - 1] = run;
    showRuns();
  }

  private void showRuns() {
    while (dense != null && printed < runs.length && runs[printed] != null) {
      ComparedRun run = runs[printed++];
      print(
          run.method(),
          run.sparsity().toString(),
          number("%.4f", run.perplexity()),
          run.relativeError().isPresent() ? number("%.5f", run.relativeError()) : NONE,
          "%.2f %%".formatted(100 * run.zeros()),
          "%.1f".formatted(run.seconds()),
          number("%.4f", TaskFigures.mean(run.tasks().values())));
    }
  }

  private static String number(String format, OptionalDouble number) {
    return number.isPresent() ? format.formatted(number.getAsDouble()) : "not finite";
  }

  private void print(String... cells) {
    output.row(
        format.formatted((Object[]) Arrays.copyOf(cells, tasks ? cells.length : cells.length - 1)));
  }
}
