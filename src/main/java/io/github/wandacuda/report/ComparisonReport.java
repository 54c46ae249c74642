package io.github.wandacuda.report;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.evaluate.TaskFigures;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.job.compare.ComparedRun;
import io.github.wandacuda.job.compare.ComparedRun.DenseFigures;
import io.github.wandacuda.job.compare.ComparedRun.ModuleFigures;
import io.github.wandacuda.job.record.Verdict;
import io.github.wandacuda.report.LineChart.Place;
import io.github.wandacuda.report.LineChart.Series;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The report of {@code compare}.
 *
 * @param dense what was measured of the dense model
 * @param runs the ways of pruning it, in the order that was asked for
 */
public record ComparisonReport(DenseFigures dense, List<ComparedRun> runs) {
  public ComparisonReport {
    runs = List.copyOf(runs);
  }

  /** Returns the report's numbers as the JSON has them, in order. */
  public Map<String, Object> toJson() {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("dense", dense.toJson());
    object.put("runs", runs.stream().map(ComparedRun::toJson).toList());
    return object;
  }

  /**
   * Returns the report as JSON, or as a page if the file's name ends in {@code .html}.
   *
   * @param facts what did it, from what
   */
  public AtomicWrite.Content content(Path file, RunFacts facts) {
    return ReportFormat.content(file, facts, () -> new ComparisonPage().html(facts), this::toJson);
  }

  /** The report of {@code compare} as a page: charts by sparsity and by block, and a table. */
  private final class ComparisonPage {
    private final List<String> methods = runs.stream().map(ComparedRun::method).distinct().toList();

    String html(RunFacts facts) {
      Map<String, String> values =
          Map.of(
              "verdict", HtmlText.sentence(verdict()),
              "facts", facts.html(),
              "charts", bySparsity(),
              "blocks", byBlock(),
              "origin", facts.origin(),
              "tasks", tasks() + sizes(),
              "dense", HtmlText.number(OptionalDouble.of(dense.perplexity()), 6),
              "rows", runs.stream().map(ComparisonPage::row).collect(Collectors.joining("\n")));
      return HtmlPage.of(
          "Methods compared: " + String.join(", ", methods),
          HtmlPage.filled("compare.html", values));
    }

    /** Returns the best method at each amount, what it cost, and what to do next. */
    private String verdict() {
      List<ComparedRun> best = amounts().flatMap(amount -> best(amount).stream()).toList();
      if (best.isEmpty()) {
        return "None of %d runs left a model with a finite perplexity; prune less."
            .formatted(runs.size());
      }
      String of = runs.size() == 1 ? "Of 1 run " : "Of %d runs ".formatted(runs.size());
      if (best.size() > 1) {
        return of
            + best.stream()
                .map(
                    run ->
                        "%s did best at %s (perplexity %.2f)"
                            .formatted(
                                run.method(), text(run.sparsity()), run.perplexity().getAsDouble()))
                .collect(Collectors.joining(", "))
            + "; the dense model has %.2f, so try what comes near enough on a task of your own."
                .formatted(dense.perplexity());
      }
      ComparedRun run = best.getFirst();
      return new Verdict(
              of + "%s did best at %s".formatted(run.method(), text(run.sparsity())),
              OptionalDouble.of(dense.perplexity()),
              run.perplexity(),
              "compare smaller amounts or methods that fit the weights that stay")
          .text();
    }

    /** Returns the run with the lowest perplexity at an amount, if any has a finite one. */
    private Optional<ComparedRun> best(Sparsity amount) {
      return runs.stream()
          .filter(run -> run.sparsity().equals(amount) && run.perplexity().isPresent())
          .min(Comparator.comparingDouble(run -> run.perplexity().getAsDouble()));
    }

    private static String ofDense(long size, long dense) {
      return "%s (%.1f %%)".formatted(HtmlText.number(size), 100.0 * size / Math.max(1, dense));
    }

    private String bySparsity() {
      List<Sparsity> ratios =
          amounts()
              .filter(Sparsity.Ratio.class::isInstance)
              .sorted(Comparator.comparingDouble(ratio -> ((Sparsity.Ratio) ratio).fraction()))
              .toList();
      List<Sparsity> patterns = amounts().filter(Sparsity.GroupPattern.class::isInstance).toList();
      List<LineChart> charts = new ArrayList<>();
      charts.add(perplexity("Perplexity by sparsity", "sparsity reached", ratios));
      charts.add(perplexity("Perplexity by pattern", "pattern", patterns));
      charts.add(divergences("KL to the dense model by sparsity", "sparsity reached", ratios));
      charts.add(divergences("KL to the dense model by pattern", "pattern", patterns));
      for (String task : dense.tasks().keySet()) {
        charts.add(accuracy(task, "sparsity", ratios));
        charts.add(accuracy(task, "pattern", patterns));
      }
      charts.add(errors("Output error by sparsity", "sparsity reached", ratios));
      charts.add(errors("Output error by pattern", "pattern", patterns));
      return charts.stream()
          .filter(chart -> !chart.isEmpty())
          .map(chart -> chart.places().size() == 1 ? chart.bars() : chart.html())
          .collect(Collectors.joining("\n"));
    }

    /** Returns a table of the tasks' accuracies, or nothing if there are none. */
    private String tasks() {
      if (dense.tasks().isEmpty()) {
        return "";
      }
      String table =
          """
          <h2>Tasks</h2>
          <div class="scroll" tabindex="0" role="region"><table class="sorted"><thead><tr>\
          <th scope="col">Method</th><th scope="col">Amount</th>%s</tr></thead><tbody>\
          %s%s</tbody></table></div>\
          """;
      return table.formatted(
          dense.tasks().keySet().stream()
              .map(task -> "<th scope=\"col\">%s</th>".formatted(HtmlText.escaped(task)))
              .collect(Collectors.joining()),
          taskRow("dense", HtmlText.NOT_MEASURED, dense.tasks()),
          runs.stream()
              .map(run -> taskRow(run.method(), text(run.sparsity()), run.tasks()))
              .collect(Collectors.joining()));
    }

    /** Returns a table of sizes and speeds, or an empty text if no whole parts were removed. */
    private String sizes() {
      if (runs.stream().allMatch(run -> run.size() == null)) {
        return "";
      }
      String table =
          """
          <h2>%s</h2>
          <div class="scroll" tabindex="0" role="region"><table class="sorted"><thead><tr>\
          <th scope="col">Method</th><th scope="col">Amount</th><th scope="col">Parameters</th>\
          <th scope="col">Bytes</th>%s</tr></thead><tbody>
          %s</tbody></table></div>
          """;
      boolean timed = dense.size().speed() != null;
      return table.formatted(
          timed ? "Size and speed" : "Size",
          timed ? "<th scope=\"col\">Tokens a second</th>" : "",
          Stream.concat(
                  Stream.of(sizeRow("dense", HtmlText.NOT_MEASURED, dense.size(), timed)),
                  runs.stream()
                      .filter(run -> run.size() != null)
                      .map(run -> sizeRow(run.method(), text(run.sparsity()), run.size(), timed)))
              .collect(Collectors.joining("\n")));
    }

    private String sizeRow(String method, String amount, ComparedRun.Size size, boolean timed) {
      List<String> cells =
          new ArrayList<>(
              List.of(
                  cell(amount),
                  cell(ofDense(size.parameters(), dense.size().parameters())),
                  cell(ofDense(size.bytes(), dense.size().bytes()))));
      if (timed) {
        cells.add(cell(size.speed() == null ? HtmlText.NOT_MEASURED : size.speed().text()));
      }
      return HtmlText.row(HtmlText.escaped(method), cells.toArray(String[]::new));
    }

    private static String taskRow(String method, String amount, Map<String, TaskFigures> tasks) {
      Stream<String> shares =
          tasks.values().stream().map(task -> cell(HtmlText.percent(task.accuracy().mean())));
      return HtmlText.row(
              HtmlText.escaped(method),
              Stream.concat(Stream.of(cell(amount)), shares).toArray(String[]::new))
          + "\n";
    }

    private Stream<Sparsity> amounts() {
      return runs.stream().map(ComparedRun::sparsity).distinct();
    }

    private LineChart perplexity(String title, String x, List<Sparsity> amounts) {
      List<Series> series = new ArrayList<>(series(amounts, ComparedRun::perplexity));
      series.add(Series.level("dense", dense.perplexity(), amounts.size()));
      return new LineChart(title, x, "perplexity", places(amounts), series, true);
    }

    private LineChart accuracy(String task, String x, List<Sparsity> amounts) {
      List<Series> series =
          new ArrayList<>(
              series(
                  amounts,
                  run -> OptionalDouble.of(100 * run.tasks().get(task).accuracy().mean())));
      double level = 100 * dense.tasks().get(task).accuracy().mean();
      series.add(Series.level("dense", level, amounts.size()));
      return new LineChart(
          "Accuracy on %s by %s".formatted(task, x), x, "right, %", places(amounts), series, false);
    }

    private LineChart divergences(String title, String x, List<Sparsity> amounts) {
      List<Series> series = series(amounts, run -> run.predictions().kl());
      return new LineChart(title, x, "KL, nats", places(amounts), series, false);
    }

    private LineChart errors(String title, String x, List<Sparsity> amounts) {
      List<Series> series = series(amounts, ComparedRun::relativeError);
      return new LineChart(title, x, "relative error", places(amounts), series, false);
    }

    /**
     * Returns the marks of amounts on the horizontal axis: sparsities at their numbers, patterns
     * one beside the other.
     */
    private static List<Place> places(List<Sparsity> amounts) {
      List<Place> places = new ArrayList<>();
      for (Sparsity amount : amounts) {
        boolean ratio = amount instanceof Sparsity.Ratio;
        places.add(
            new Place(text(amount), ratio ? ((Sparsity.Ratio) amount).fraction() : places.size()));
      }
      return places;
    }

    private static String text(Sparsity amount) {
      return amount instanceof Sparsity.Ratio ratio
          ? Scale.text(100 * ratio.fraction()) + " %"
          : amount.toString();
    }

    private List<Series> series(
        List<Sparsity> amounts, Function<ComparedRun, OptionalDouble> measure) {
      return methods.stream()
          .map(
              method ->
                  new Series(
                      method,
                      amounts.stream()
                          .mapToDouble(
                              amount ->
                                  run(method, amount)
                                      .map(run -> measure.apply(run).orElse(Double.NaN))
                                      .orElse(Double.NaN))
                          .toArray(),
                      reached(method, amounts)))
          .toList();
    }

    /** Returns the positions of a method's values: the sparsities that it reached. */
    private double[] reached(String method, List<Sparsity> amounts) {
      return amounts.stream().allMatch(Sparsity.Ratio.class::isInstance)
          ? amounts.stream()
              .mapToDouble(
                  amount ->
                      run(method, amount)
                          .map(ComparedRun::reached)
                          .orElse(((Sparsity.Ratio) amount).fraction()))
              .toArray()
          : new double[0];
    }

    private Optional<ComparedRun> run(String method, Sparsity amount) {
      return runs.stream().filter(run -> run.isOf(method, amount)).findFirst();
    }

    /** Returns two charts for each amount: the sparsity of each block, and its errors. */
    private String byBlock() {
      return amounts()
          .map(
              amount -> {
                BlockChart errors = new BlockChart();
                BlockChart zeros = new BlockChart();
                for (String method : methods) {
                  run(method, amount).ifPresent(run -> add(run, errors, zeros));
                }
                return errors.html(
                        "Output error by block, " + text(amount), "relative error", false)
                    + (zeros.isLevel()
                        ? ""
                        : zeros.html("Zeros by block, " + text(amount), "zeros, %", false));
              })
          .collect(Collectors.joining("\n"));
    }

    private static void add(ComparedRun run, BlockChart errors, BlockChart zeros) {
      for (ModuleFigures module : run.modules()) {
        module.error().ifPresent(error -> errors.add(run.method(), module.name(), error));
        zeros.add(run.method(), module.name(), 100 * module.sparsity());
      }
    }

    private static String row(ComparedRun run) {
      String mask = run.maskSha256() == null ? "" : run.maskSha256().substring(0, 12);
      return HtmlText.row(
          HtmlText.escaped(run.method()),
          cell(text(run.sparsity())),
          cell(HtmlText.number(run.perplexity(), 6)),
          cell(HtmlText.number(run.predictions().kl(), 4)),
          cell(percent(run.predictions().top1Agreement())),
          cell(HtmlText.number(run.relativeError(), 4)),
          cell(run.size() == null ? HtmlText.percent(run.zeros()) : HtmlText.NOT_MEASURED),
          cell("%.1f s".formatted(run.seconds())),
          HtmlText.cell("<code>%s</code>".formatted(HtmlText.escaped(mask))));
    }

    private static String percent(OptionalDouble share) {
      return share.isPresent() ? HtmlText.percent(share.getAsDouble()) : HtmlText.NOT_MEASURED;
    }

    private static String cell(String text) {
      return HtmlText.cell(HtmlText.escaped(text));
    }
  }
}
