package io.github.wandacuda.report;

import io.github.wandacuda.report.LineChart.Series;

/** Bars from 0, in place of curves over an axis that has a single place. */
final class BarChart {
  private BarChart() {}

  /** Returns the figure: a bar for each of the chart's values, with the number beside it. */
  static String html(LineChart chart) {
    double most =
        chart.series().stream()
            .mapToDouble(BarChart::value)
            .filter(Double::isFinite)
            .max()
            .orElse(1);
    StringBuilder html =
        new StringBuilder(
            "<figure><figcaption>%s: %s</figcaption><table class=\"bars\"><tbody>\n"
                .formatted(
                    HtmlText.escaped(chart.title()),
                    HtmlText.escaped(chart.places().getFirst().text())));
    for (Series series : chart.series()) {
      double value = value(series);
      html.append(
          """
          <tr><th scope="row">%s</th><td class="bar" style="background-size: %.2f%% 1.1rem"></td><td>%s</td></tr>
          """
              .formatted(
                  HtmlText.escaped(series.name()),
                  Double.isFinite(value) && most > 0 ? 100 * Math.max(0, value) / most : 0,
                  Double.isFinite(value) ? "%.4g".formatted(value) : HtmlText.NOT_MEASURED));
    }
    return html.append("</tbody></table></figure>").toString();
  }

  private static double value(Series series) {
    return series.values()[0];
  }
}
