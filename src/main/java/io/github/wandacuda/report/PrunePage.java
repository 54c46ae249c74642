package io.github.wandacuda.report;

import io.github.wandacuda.job.ModuleReading.RowThresholds;
import io.github.wandacuda.job.RunResult;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.ModuleResult.OutputErrors;
import io.github.wandacuda.report.PruneReport.NormSummary;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The page of {@code prune}'s report: what it did, charts by block, tables by module, origin. */
record PrunePage(PruneReport report) {
  private static final double MEBIBYTE = 1 << 20;
  private static final int NORM_COLUMNS = 5;
  private static final int THRESHOLD_COLUMNS = 3;

  String html() {
    RunResult result = report.result();
    Map<String, String> values =
        Map.ofEntries(
            Map.entry("facts", report.facts().html()),
            Map.entry("output", HtmlText.escaped(report.request().output().toString())),
            Map.entry("mask_sha256", HtmlText.escaped(result.provenance().maskSha256())),
            Map.entry("tiles", tiles()),
            Map.entry("afterwards", report.isAfterwards() ? HtmlPage.resource("after.html") : ""),
            Map.entry("worst", worst()),
            Map.entry("sample", sample(report.perplexities())),
            Map.entry("charts", charts()),
            Map.entry("rows", rows(this::row)),
            Map.entry("scores", scores()),
            Map.entry("origin", report.facts().origin()));
    return HtmlPage.of(
        "Pruned by %s, %s"
            .formatted(report.request().rules().label(), report.request().rules().amount()),
        HtmlPage.filled("prune.html", values));
  }

  private String rows(Function<ModuleResult, String> row) {
    return report.result().modules().stream().map(row).collect(Collectors.joining("\n"));
  }

  private String tiles() {
    RunResult result = report.result();
    StringBuilder tiles = new StringBuilder();
    report.perplexities().ifPresent(both -> tile(tiles, "Perplexity", pair(both)));
    tile(tiles, "Sparsity reached", HtmlText.percent(result.sparsity()));
    tile(tiles, "Asked for", HtmlText.escaped(report.request().rules().amount()));
    tile(tiles, "Weights", HtmlText.number(result.provenance().elements()));
    tile(tiles, "Pruned", HtmlText.number(result.provenance().pruned()));
    tile(tiles, "Zeros", HtmlText.number(result.provenance().zeros()));
    tile(tiles, "Modules", HtmlText.number(result.modules().size()));
    boolean measured = result.modules().stream().anyMatch(module -> module.norms() != null);
    tile(
        tiles,
        "Dead columns",
        measured ? HtmlText.number(result.deadColumns()) : HtmlText.NOT_MEASURED);
    tile(tiles, "Rows all zero", HtmlText.number(result.zeroRows()));
    if (!report.isAfterwards()) {
      tile(
          tiles,
          "Time",
          "<span title=\"%s\">%.1f s</span>"
              .formatted(result.seconds().text(), result.seconds().total()));
      memory(tiles, "Peak memory", "peak_rss_bytes");
      memory(tiles, "of it anonymous", "peak_anonymous_bytes");
    }
    return tiles.toString();
  }

  private void memory(StringBuilder tiles, String name, String key) {
    if (report.memory().get(key) instanceof Number bytes) {
      tile(tiles, name, "%.0f MiB".formatted(bytes.longValue() / MEBIBYTE));
    }
  }

  static String pair(PruneReport.Perplexities both) {
    return "%.2f → %.2f".formatted(both.before(), both.after());
  }

  static void tile(StringBuilder tiles, String name, String value) {
    tiles.append("<div><dt>%s</dt><dd>%s</dd></div>\n".formatted(name, value));
  }

  /** Returns the modules that suffered most, or nothing if that isn't known of any. */
  private String worst() {
    List<PruneReport.ModuleError> worst = report.worst();
    if (worst.isEmpty()) {
      return "";
    }
    String rows =
        worst.stream()
            .map(
                error ->
                    "<tr><th scope=\"row\"><code>%s</code></th><td>%s</td><td>%s</td></tr>"
                        .formatted(
                            HtmlText.escaped(error.module().module().name()),
                            HtmlText.percent(error.module().sparsity()),
                            number(error)))
            .collect(Collectors.joining("\n"));
    return HtmlPage.filled("worst.html", Map.of("rows", rows));
  }

  static String sample(Optional<PruneReport.Perplexities> perplexities) {
    return perplexities
        .flatMap(PruneReport.Perplexities::sample)
        .map(
            sample ->
                HtmlPage.filled(
                    "sample.html",
                    Map.of(
                        "prompt", HtmlText.escaped(sample.prompt()),
                        "before", HtmlText.escaped(sample.before()),
                        "after", HtmlText.escaped(sample.after()))))
        .orElse("");
  }

  private String charts() {
    BlockChart sparsity = new BlockChart();
    BlockChart error = new BlockChart();
    BlockChart norms = new BlockChart();
    BlockChart medians = new BlockChart();
    BlockChart rows = new BlockChart();
    for (ModuleResult module : report.result().modules()) {
      String name = module.module().name();
      sparsity.addModule(name, 100 * module.sparsity());
      report.error(module).ifPresent(found -> error.addModule(name, found.value()));
      if (module.norms() != null) {
        NormSummary summary = NormSummary.of(module.norms());
        norms.add("largest", name, summary.most());
        norms.add("median", name, summary.median());
        norms.add("least", name, summary.least());
      }
      report
          .thresholds(module)
          .ifPresent(
              own -> {
                medians.addModule(name, own.median());
                rows.add("highest row", name, own.highest());
                rows.add("median row", name, own.median());
                rows.add("lowest row", name, own.lowest());
              });
    }
    return "<div class=\"charts\">\n%s\n%s\n%s\n%s\n%s\n</div>"
        .formatted(
            error.html("Error by block", "relative error", false),
            sparsity.html("Sparsity by block", "zeros, %", false),
            norms.html("Norms of input columns by block, mean over modules", "norm", true),
            medians.html("Scores' threshold of the median row by block", "score", true),
            rows.html("Scores' threshold by row and block, mean over modules", "score", true));
  }

  private static StringBuilder begin(ModuleResult result) {
    return new StringBuilder("<tr><th scope=\"row\"><code>")
        .append(HtmlText.escaped(result.module().name()))
        .append("</code></th>");
  }

  private String row(ModuleResult result) {
    double share = result.sparsity();
    StringBuilder row = begin(result);
    cell(row, HtmlText.escaped(result.module().tensor().dtype()));
    row.append("<td data-value=\"%d\">".formatted(result.module().elements()))
        .append(result.module().rows())
        .append(" × ")
        .append(result.module().columns())
        .append("</td>");
    cell(row, HtmlText.escaped(report.request().rules().of(result.module()).amount()));
    row.append(
        """
        <td class="share" style="background-size: calc((100%% - 1.2rem) * %.4f) 3px, calc(100%% - \
        1.2rem) 3px">%s</td>\
        """
            .formatted(share, HtmlText.percent(share)));
    cell(row, result.zeros());
    count(row, result.zeroRows());
    cell(row, report.error(result).map(PrunePage::number).orElse(HtmlText.NOT_MEASURED));
    return row.append("</tr>").toString();
  }

  /** Returns the table of norms and thresholds, or nothing if no module has either. */
  private String scores() {
    boolean any =
        report.result().modules().stream()
            .anyMatch(module -> module.norms() != null || report.thresholds(module).isPresent());
    return any ? HtmlPage.filled("scores.html", Map.of("rows", rows(this::scores))) : "";
  }

  private String scores(ModuleResult result) {
    StringBuilder row = begin(result);
    norms(row, result);
    thresholds(row, report.thresholds(result));
    return row.append("</tr>").toString();
  }

  private static void norms(StringBuilder row, ModuleResult result) {
    if (result.norms() == null) {
      notMeasured(row, NORM_COLUMNS);
      return;
    }
    NormSummary summary = NormSummary.of(result.norms());
    count(row, result.deadColumns());
    cell(row, "%.4g".formatted(summary.least()));
    cell(row, "%.4g".formatted(summary.median()));
    cell(row, "%.4g".formatted(summary.most()));
    count(row, summary.outliers().size());
  }

  private static void thresholds(StringBuilder row, Optional<RowThresholds> thresholds) {
    if (thresholds.isEmpty()) {
      notMeasured(row, THRESHOLD_COLUMNS);
      return;
    }
    cell(row, "%.4g".formatted(thresholds.get().lowest()));
    cell(row, "%.4g".formatted(thresholds.get().median()));
    cell(row, "%.4g".formatted(thresholds.get().highest()));
  }

  private static void notMeasured(StringBuilder row, int columns) {
    for (int column = 0; column < columns; column++) {
      cell(row, HtmlText.NOT_MEASURED);
    }
  }

  /** Returns an error and what it is; of outputs also the mask's, before weights changed. */
  private static String number(PruneReport.ModuleError error) {
    OutputErrors steps = error.module().errors();
    String before =
        steps == null || steps.chosen() == steps.result()
            ? ""
            : " (%.4f by the mask first chosen)".formatted(steps.relative(steps.chosen()));
    return "%.4f <span class=\"soft\">%s</span>%s"
        .formatted(error.value(), error.measure().words, before);
  }

  private static void cell(StringBuilder row, String text) {
    row.append("<td>").append(text).append("</td>");
  }

  /** Adds a cell with a whole number, which a script sorts by. */
  private static void cell(StringBuilder row, long number) {
    row.append("<td data-value=\"%d\">%s</td>".formatted(number, HtmlText.number(number)));
  }

  /** Adds a cell with a count that should be 0; any other is highlighted. */
  private static void count(StringBuilder row, int count) {
    row.append(count == 0 ? "<td>" : "<td class=\"some\">")
        .append(HtmlText.number(count))
        .append("</td>");
  }
}
