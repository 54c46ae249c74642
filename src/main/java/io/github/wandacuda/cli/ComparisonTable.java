package io.github.wandacuda.cli;

import io.github.wandacuda.evaluate.TaskFigures;
import io.github.wandacuda.job.record.ComparedRun;
import io.github.wandacuda.job.record.DenseFigures;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;

/** The table of a comparison on the terminal, which grows by a row with each run. */
final class ComparisonTable {
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
        format.formatted((Object[]) Arrays.copyOf(cells, tasks ? cells.length : cells.length - 1)));
  }
}
