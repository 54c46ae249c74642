package io.github.wandacuda.report;

import io.github.wandacuda.job.RunResult;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.verify.RowThresholds;
import io.github.wandacuda.prune.ModuleResult;
import io.github.wandacuda.prune.OutputErrors;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** The report of {@code prune} as a page: what was done, charts by block, a table by module. */
final class PrunePage {
  private static final int NORM_COLUMNS = 4;
  private static final int THRESHOLD_COLUMNS = 3;

  private PrunePage() {}

  /** Returns the page. */
  static String of(
      RunFacts facts,
      PruneRequest request,
      RunResult result,
      Map<String, RowThresholds> thresholds,
      Optional<Perplexities> perplexities) {
    String done = "Pruned by %s, %s".formatted(request.rules().label(), request.rules().amount());
    Map<String, String> values =
        Map.ofEntries(
            Map.entry("facts", facts.html()),
            Map.entry("output", HtmlText.escaped(request.output().toString())),
            Map.entry("mask_sha256", HtmlText.escaped(result.maskSha256())),
            Map.entry("modules", HtmlText.number(result.modules().size())),
            Map.entry("weights", HtmlText.number(result.elements())),
            Map.entry("pruned", HtmlText.number(result.pruned())),
            Map.entry("zeros", HtmlText.number(result.zeros())),
            Map.entry("sparsity", HtmlText.percent(result.sparsity())),
            Map.entry(
                "dead_columns",
                isMeasured(result) ? HtmlText.number(result.deadColumns()) : HtmlText.NOT_MEASURED),
            Map.entry("zero_rows", HtmlText.number(result.zeroRows())),
            Map.entry("seconds", "%.1f s".formatted(result.seconds().total())),
            Map.entry("perplexity", perplexities.map(PrunePage::tile).orElse("")),
            Map.entry("charts", charts(result, thresholds)),
            Map.entry(
                "rows",
                result.modules().stream()
                    .map(module -> row(module, thresholds.get(module.module().name())))
                    .collect(Collectors.joining("\n"))));
    return HtmlPage.of(done, HtmlPage.filled(HtmlPage.resource("prune.html"), values));
  }

  private static String tile(Perplexities both) {
    return "<div><dt>Perplexity</dt><dd>%.2f → %.2f</dd></div>"
        .formatted(both.before(), both.after());
  }

  private static boolean isMeasured(RunResult result) {
    return result.modules().stream().anyMatch(module -> module.norms() != null);
  }

  private static String charts(RunResult result, Map<String, RowThresholds> thresholds) {
    BlockChart sparsity = new BlockChart();
    BlockChart error = new BlockChart();
    BlockChart norms = new BlockChart();
    BlockChart medians = new BlockChart();
    BlockChart rows = new BlockChart();
    for (ModuleResult module : result.modules()) {
      String name = module.module().name();
      sparsity.addModule(name, 100 * module.sparsity());
      if (module.errors() != null) {
        error.addModule(name, module.errors().relative(module.errors().result()));
      }
      if (module.norms() != null) {
        NormSummary summary = NormSummary.of(module.norms());
        norms.add("largest", name, summary.most());
        norms.add("median", name, summary.median());
        norms.add("least", name, summary.least());
      }
      if (thresholds.containsKey(name)) {
        RowThresholds own = thresholds.get(name);
        medians.addModule(name, own.median());
        rows.add("highest row", name, own.highest());
        rows.add("median row", name, own.median());
        rows.add("lowest row", name, own.lowest());
      }
    }
    return "<div class=\"charts\">\n%s\n%s\n%s\n%s\n%s\n</div>"
        .formatted(
            sparsity.html("Sparsity by block", "zeros, %", false),
            error.html("Output error by block", "relative error", false),
            norms.html("Norms of input columns by block, mean over modules", "norm", true),
            medians.html("Scores' threshold of the median row by block", "score", true),
            rows.html("Scores' threshold by row and block, mean over modules", "score", true));
  }

  private static String row(ModuleResult result, RowThresholds thresholds) {
    double share = result.sparsity();
    StringBuilder row = new StringBuilder("<tr>");
    row.append("<th scope=\"row\"><code>")
        .append(HtmlText.escaped(result.module().name()))
        .append("</code></th>");
    cell(row, HtmlText.escaped(result.module().tensor().dtype()));
    row.append("<td data-value=\"%d\">".formatted(result.module().elements()))
        .append(result.module().rows())
        .append(" × ")
        .append(result.module().columns())
        .append("</td>");
    row.append(
        """
        <td class="share" style="background-size: calc((100%% - 1.2rem) * %.4f) 3px, calc(100%% - \
        1.2rem) 3px">%s</td>"""
            .formatted(share, HtmlText.percent(share)));
    cell(row, result.zeros());
    if (result.norms() == null) {
      cell(row, HtmlText.NOT_MEASURED);
    } else {
      count(row, result.deadColumns());
    }
    count(row, result.zeroRows());
    norms(row, result.norms());
    thresholds(row, thresholds);
    cell(row, result.errors() == null ? HtmlText.NOT_MEASURED : errors(result.errors()));
    return row.append("</tr>").toString();
  }

  private static void norms(StringBuilder row, float[] norms) {
    if (norms == null) {
      notMeasured(row, NORM_COLUMNS);
      return;
    }
    NormSummary summary = NormSummary.of(norms);
    cell(row, "%.4g".formatted(summary.least()));
    cell(row, "%.4g".formatted(summary.median()));
    cell(row, "%.4g".formatted(summary.most()));
    count(row, summary.outliers().size());
  }

  private static void thresholds(StringBuilder row, RowThresholds thresholds) {
    if (thresholds == null) {
      notMeasured(row, THRESHOLD_COLUMNS);
      return;
    }
    cell(row, "%.4g".formatted(thresholds.lowest()));
    cell(row, "%.4g".formatted(thresholds.median()));
    cell(row, "%.4g".formatted(thresholds.highest()));
  }

  private static void notMeasured(StringBuilder row, int columns) {
    for (int column = 0; column < columns; column++) {
      cell(row, HtmlText.NOT_MEASURED);
    }
  }

  /** Returns the errors of the mask and of the result, if something was done between them. */
  private static String errors(OutputErrors errors) {
    double chosen = errors.relative(errors.chosen());
    double result = errors.relative(errors.result());
    return chosen == result ? "%.4f".formatted(result) : "%.4f, now %.4f".formatted(chosen, result);
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
