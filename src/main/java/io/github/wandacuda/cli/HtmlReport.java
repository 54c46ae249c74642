package io.github.wandacuda.cli;

import io.github.wandacuda.error.Printable;
import io.github.wandacuda.job.RunResult;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.prune.ModuleResult;
import io.github.wandacuda.prune.OutputErrors;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** The report by module as an HTML page that needs no other file. */
final class HtmlReport {
  private static final Pattern PLACE = Pattern.compile("\\$\\{(\\w+)}");

  private static final String NOT_MEASURED = "–";

  private HtmlReport() {}

  /** Returns the page. */
  static String of(PruneRequest request, RunResult result) {
    Map<String, String> values =
        Map.of(
            "method", escaped(request.rules().label()),
            "amount", escaped(request.rules().amount()),
            "mask_sha256", escaped(result.maskSha256()),
            "modules", number(result.modules().size()),
            "weights", number(result.elements()),
            "pruned", number(result.pruned()),
            "zeros", number(result.zeros()),
            "sparsity", "%.2f %%".formatted(100 * result.sparsity()),
            "dead_columns", isMeasured(result) ? number(result.deadColumns()) : NOT_MEASURED,
            "zero_rows", number(result.zeroRows()));
    String rows = result.modules().stream().map(HtmlReport::row).collect(Collectors.joining("\n"));
    return PLACE
        .matcher(template())
        .replaceAll(
            place ->
                Matcher.quoteReplacement(
                    place.group(1).equals("rows") ? rows : values.get(place.group(1))));
  }

  private static boolean isMeasured(RunResult result) {
    return result.modules().stream().anyMatch(module -> module.norms() != null);
  }

  private static String template() {
    try (InputStream in = HtmlReport.class.getResourceAsStream("report.html")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String row(ModuleResult result) {
    long elements = result.module().elements();
    double share = elements == 0 ? 0 : 100.0 * result.zeros() / elements;
    StringBuilder row = new StringBuilder("<tr>");
    row.append("<th scope=\"row\"><code>")
        .append(escaped(result.module().name()))
        .append("</code></th>");
    cell(row, escaped(result.module().tensor().dtype()));
    cell(row, number(result.module().rows()));
    cell(row, number(result.module().columns()));
    row.append("<td class=\"share\" style=\"--of:%.2f%%\">%.2f %%</td>".formatted(share, share));
    cell(row, number(result.zeros()));
    if (result.norms() == null) {
      cell(row, NOT_MEASURED);
    } else {
      count(row, result.deadColumns());
    }
    count(row, result.zeroRows());
    norms(row, result.norms());
    cell(row, result.errors() == null ? NOT_MEASURED : errors(result.errors()));
    return row.append("</tr>").toString();
  }

  private static void norms(StringBuilder row, float[] norms) {
    if (norms == null) {
      cell(row, NOT_MEASURED);
      cell(row, NOT_MEASURED);
      cell(row, NOT_MEASURED);
      return;
    }
    PruneReport.NormSummary summary = PruneReport.NormSummary.of(norms);
    cell(row, "%.4g".formatted(summary.least()));
    cell(row, "%.4g".formatted(summary.mean()));
    cell(row, "%.4g".formatted(summary.most()));
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

  /** Adds a cell with a count that should be 0; any other is highlighted. */
  private static void count(StringBuilder row, int count) {
    row.append(count == 0 ? "<td>" : "<td class=\"some\">").append(number(count)).append("</td>");
  }

  /** Returns a number in groups of three digits, separated by narrow no-break spaces. */
  private static String number(long number) {
    return "%,d".formatted(number).replace(',', '\u202f');
  }

  private static String escaped(String text) {
    return Printable.of(text)
        .replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }
}
