package io.github.wandacuda.report;

import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.job.record.Verdict;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.pruning.recipe.ModuleResult.OutputErrors;
import io.github.wandacuda.report.PruneReport.NormSummary;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The page of {@code prune}'s report: what was done, charts by block, tables by module, and how it
 * was made.
 */
record PrunePage(PruneReport report) {
  private static final double MEBIBYTE = 1 << 20;
  private static final int NORM_COLUMNS = 5;
  private static final int THRESHOLD_COLUMNS = 3;

  String html() {
    RunResult result = report.result();
    Map<String, String> values =
        Map.ofEntries(
            Map.entry("verdict", HtmlText.sentence(verdict())),
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

  private String verdict() {
    Verdict verdict =
        Verdict.ofZeros(
            report.request().rules().label(),
            report.result().provenance().zeros(),
            report.result().provenance().elements());
    return report
        .perplexities()
        .map(both -> verdict.measured(both.before(), both.after()))
        .orElse(verdict)
        .text();
  }

  private String rows(Function<ModuleResult, String> row) {
    return report.result().modules().stream().map(row).collect(Collectors.joining("\n"));
  }

  private String tiles() {
    RunResult result = report.result();
    StringBuilder tiles = new StringBuilder();
    report.perplexities().ifPresent(both -> tiles(tiles, both));
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
      memory(tiles, "Peak memory without files", "peak_anonymous_bytes");
    }
    return tiles.toString();
  }

  private void memory(StringBuilder tiles, String name, String key) {
    if (report.memory().get(key) instanceof Number bytes) {
      tile(tiles, name, "%.0f MiB".formatted(bytes.longValue() / MEBIBYTE));
    }
  }

  /** Adds what was measured on a text. */
  static void tiles(StringBuilder tiles, PruneReport.Perplexities both) {
    tile(
        tiles,
        "Perplexity",
        HtmlText.number("%.2f", both.before()) + " → " + HtmlText.number("%.2f", both.after()));
    both.divergence()
        .ifPresent(
            found -> {
              tile(tiles, "KL to the dense model", HtmlText.number("%.4f", found.kl()) + " nats");
              tile(tiles, "Same first token", HtmlText.percent(found.top1Agreement()));
            });
  }

  static void tile(StringBuilder tiles, String name, String value) {
    tiles.append("<div><dt>%s</dt><dd>%s</dd></div>\n".formatted(name, value));
  }

  /** Returns the modules with the largest errors, or an empty text if no errors are known. */
  private String worst() {
    List<PruneReport.ModuleError> worst = report.worst();
    if (worst.isEmpty()) {
      return "";
    }
    String rows =
        worst.stream()
            .map(
                error ->
                    HtmlText.row(
                        name(error.module()),
                        HtmlText.cell(HtmlText.percent(error.module().sparsity())),
                        HtmlText.cell(number(error))))
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
                        "prompt", HtmlText.lines(sample.prompt()),
                        "before", HtmlText.lines(sample.before()),
                        "after", HtmlText.lines(sample.after()))))
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

  private static String name(ModuleResult result) {
    return HtmlText.code(result.module().name());
  }

  private String row(ModuleResult result) {
    LinearModule module = result.module();
    double share = result.sparsity();
    return HtmlText.row(
        name(result),
        HtmlText.cell(HtmlText.escaped(module.tensor().dtype())),
        sorted(
            module.elements(),
            HtmlText.number(module.rows()) + " × " + HtmlText.number(module.columns())),
        HtmlText.cell(HtmlText.escaped(report.request().rules().of(module).amount())),
        """
        <td class="share" style="background-size: calc((100%% - 1.2rem) * %.4f) 3px, calc(100%% - \
        1.2rem) 3px">%s</td>\
        """
            .formatted(share, HtmlText.percent(share)),
        sorted(result.zeros(), HtmlText.number(result.zeros())),
        count(result.zeroRows()),
        HtmlText.cell(report.error(result).map(PrunePage::number).orElse(HtmlText.NOT_MEASURED)));
  }

  /** Returns the table of norms and thresholds, or an empty text if no module has either. */
  private String scores() {
    boolean any =
        report.result().modules().stream()
            .anyMatch(module -> module.norms() != null || report.thresholds(module).isPresent());
    return any ? HtmlPage.filled("scores.html", Map.of("rows", rows(this::scores))) : "";
  }

  private String scores(ModuleResult result) {
    return HtmlText.row(
        name(result),
        result.norms() == null ? notMeasured(NORM_COLUMNS) : norms(result),
        report
            .thresholds(result)
            .map(own -> numbers(own.lowest(), own.median(), own.highest()))
            .orElse(notMeasured(THRESHOLD_COLUMNS)));
  }

  private static String norms(ModuleResult result) {
    NormSummary summary = NormSummary.of(result.norms());
    return count(result.deadColumns())
        + numbers(summary.least(), summary.median(), summary.most())
        + count(summary.outliers().size());
  }

  private static String numbers(float least, float median, float most) {
    return Stream.of(least, median, most)
        .map(number -> HtmlText.cell(HtmlText.number("%.4g", number)))
        .collect(Collectors.joining());
  }

  private static String notMeasured(int columns) {
    return HtmlText.cell(HtmlText.NOT_MEASURED).repeat(columns);
  }

  /**
   * Returns an error and what it measures; for an error of outputs also that of the mask alone,
   * before the remaining weights were changed.
   */
  private static String number(PruneReport.ModuleError error) {
    OutputErrors steps = error.module().errors();
    String before =
        steps == null || steps.chosen() == steps.result()
            ? ""
            : " (%s by the mask first chosen)"
                .formatted(HtmlText.number("%.4f", steps.relative(steps.chosen())));
    return "%.4f <span class=\"soft\">%s</span>%s"
        .formatted(error.value(), error.measure().words, before);
  }

  /** Returns a cell that a script sorts by a whole number. */
  private static String sorted(long number, String html) {
    return "<td data-value=\"%d\">%s</td>".formatted(number, html);
  }

  /** Returns a cell with a count that should be 0; any other is highlighted. */
  private static String count(int count) {
    return (count == 0 ? "<td>" : "<td class=\"some\">") + HtmlText.number(count) + "</td>";
  }
}
