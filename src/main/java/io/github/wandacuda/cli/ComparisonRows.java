package io.github.wandacuda.cli;

import io.github.wandacuda.cli.option.ComparedMethod;
import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.evaluate.TaskFigures;
import io.github.wandacuda.job.compare.ComparedRun;
import io.github.wandacuda.job.compare.ComparedRun.DenseFigures;
import io.github.wandacuda.job.compare.ComparisonWork;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** Prints what a comparison measures, a row for each model. */
final class ComparisonRows implements ComparisonWork.Measured {
  private static final String NONE = "–";
  private static final String DENSE = "dense";

  private final OutputOptions output;
  private final boolean tasks;
  private final boolean sized;
  private final boolean timed;
  private final String format;

  /**
   * Prepares the rows of methods.
   *
   * @param tasks whether accuracy has a column
   * @param sized whether parts go in some run, so that parameters have a column
   * @param timed whether the speed has one beside it
   */
  ComparisonRows(
      OutputOptions output,
      List<ComparedMethod> methods,
      boolean tasks,
      boolean sized,
      boolean timed) {
    this.output = output;
    this.tasks = tasks;
    this.sized = sized;
    this.timed = timed;
    int widest = methods.stream().mapToInt(method -> method.label().length()).max().orElse(0);
    format =
        "%-"
            + Math.max(widest, DENSE.length())
            + "s  %8s  %12s  %9s  %9s  %12s  %9s  %8s"
            + (tasks ? "  %8s" : "")
            + (sized ? "  %14s" + (timed ? "  %s" : "") : "");
  }

  void head() {
    print(
        List.of(
            "method",
            "amount",
            "perplexity",
            "KL, nats",
            "same 1st",
            "output error",
            "zeros",
            "seconds"),
        List.of("accuracy", "parameters", "tokens/s"));
  }

  @Override
  public void dense(DenseFigures dense) {
    String perplexity = number("%.4f", OptionalDouble.of(dense.perplexity()));
    print(
        List.of(DENSE, NONE, perplexity, NONE, NONE, NONE, NONE, NONE),
        more(dense.tasks(), dense.size()));
  }

  @Override
  public void run(int place, ComparedRun run) {
    print(
        List.of(
            run.method(),
            run.sparsity().toString(),
            number("%.4f", run.perplexity()),
            number("%.4f", run.predictions().kl()),
            run.predictions().top1Agreement().isPresent()
                ? "%.2f %%".formatted(100 * run.predictions().top1Agreement().getAsDouble())
                : NONE,
            run.relativeError().isPresent() ? number("%.5f", run.relativeError()) : NONE,
            run.size() == null ? "%.2f %%".formatted(100 * run.zeros()) : NONE,
            "%.1f".formatted(run.seconds())),
        more(run.tasks(), run.size()));
  }

  private static String number(String format, OptionalDouble number) {
    return number.isPresent() ? format.formatted(number.getAsDouble()) : "not finite";
  }

  private static List<String> more(Map<String, TaskFigures> tasks, ComparedRun.Size size) {
    return List.of(
        number("%.4f", TaskFigures.mean(tasks.values())),
        size == null ? NONE : "%,d".formatted(size.parameters()),
        size == null || size.speed() == null ? NONE : size.speed().text());
  }

  /** Prints a row: the cells that all have, then those of more that are wanted. */
  private void print(List<String> cells, List<String> more) {
    List<String> all = new ArrayList<>(cells);
    int end = timed ? 3 : 2;
    all.addAll(more.subList(tasks ? 0 : 1, sized ? end : 1));
    output.row(format.formatted(all.toArray()));
  }
}
