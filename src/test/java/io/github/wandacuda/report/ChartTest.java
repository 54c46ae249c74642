package io.github.wandacuda.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.report.LineChart.Place;
import io.github.wandacuda.report.LineChart.Series;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Charts show values where they stand on the axes, and break where there are none. */
class ChartTest {
  private static LineChart chart(boolean logarithmic, double... values) {
    List<Place> places =
        List.of(new Place("0.3", 0.3), new Place("<b>", 0.5), new Place("0.7", 0.7));
    return new LineChart(
        "a \"title\"", "x", "y", places, List.of(new Series("it's", values)), logarithmic);
  }

  @Test
  void pointsStandOnTheirScale() {
    // The axis goes from 0 at 256 to 10 at 14; places from 76 to 452.
    assertThat(chart(false, 0, 5, 10).html()).contains("d=\"M76 256L264 135L452 14\"");
    assertThat(chart(true, 1, 10, 100).html()).contains("d=\"M76 256L264 135L452 14\"");
  }

  @Test
  void aCurveBreaksWhereNothingWasMeasured() {
    assertThat(chart(false, 0, Double.NaN, 10).html())
        .contains("d=\"M76 256M452 14\"")
        .contains("<title>it&#39;s, 0.7: 10</title>")
        .doesNotContain("<title>it&#39;s, &lt;b&gt;");
    assertThat(chart(true, 0, 10, 100).html()).contains("d=\"M264 256L452 14\"");
  }

  @Test
  void pointsStandWhereTheirOwnPositionsAre() {
    List<Place> places = List.of(new Place("30 %", 0.3), new Place("70 %", 0.7));
    Series reached = new Series("reached", new double[] {0, 10}, new double[] {0.3, 0.5});
    assertThat(new LineChart("t", "x", "y", places, List.of(reached), false).html())
        .contains("d=\"M76 256L264 14\"");
  }

  @Test
  void aSinglePlaceHasBarsFromZero() {
    List<Series> series = List.of(new Series("a<b", 5), new Series("none", Double.NaN));
    LineChart chart = new LineChart("t", "x", "y", List.of(new Place("50 %", 0.5)), series, true);
    assertThat(chart.bars())
        .contains("t: 50 %", "a&lt;b", "background-size: 100.00% 1.1rem", "<td>5.000</td>")
        .contains("background-size: 0.00% 1.1rem", "<td>–</td>")
        .doesNotContain("<circle");
  }

  @Test
  void textsAreEscaped() {
    assertThat(chart(false, 1, 2, 3).html())
        .contains("a &quot;title&quot;", "&lt;b&gt;", "it&#39;s")
        .doesNotContain("<b>");
  }

  @Test
  void aChartOfNothingIsEmpty() {
    assertThat(chart(false, Double.NaN, Double.NaN, Double.NaN).isEmpty()).isTrue();
    assertThat(chart(true, 0, 0, 0).isEmpty()).isTrue();
    assertThat(chart(false, 0, 0, 0).isEmpty()).isFalse();
    assertThat(new BlockChart().html("a", "b", false)).isEmpty();
  }

  @Test
  void blocksStandInTheirOrderAndExpertsAreOne() {
    BlockChart chart = new BlockChart();
    chart.addModule("model.layers.10.mlp.experts.0.w1", 3);
    chart.addModule("model.layers.10.mlp.experts.1.w1", 5);
    chart.addModule("model.layers.2.mlp.experts.0.w1", 2);
    chart.addModule("model.layers.2.q", 1);
    chart.addModule("lm_head", 9);
    String html = chart.html("title", "y", false);
    assertThat(html)
        .contains("<title>mlp.experts.*.w1, 2: 2</title>", "<title>mlp.experts.*.w1, 10: 4</title>")
        .contains("<title>q, 2: 1</title>")
        .doesNotContain("lm_head", "q, 10");
    assertThat(html.indexOf(">2</text>")).isLessThan(html.indexOf(">10</text>"));
  }
}
