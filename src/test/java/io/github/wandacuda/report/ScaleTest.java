package io.github.wandacuda.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

/** Axes hold all values, and are marked at round numbers. */
class ScaleTest {
  @Property
  void aPlainAxisBeginsAtZeroAndHoldsAllValues(
      @ForAll @Size(min = 1, max = 5) List<@DoubleRange(min = 0, max = 1e9) Double> list) {
    double[] values = array(list);
    check(Scale.of(values, false), values);
    assertThat(Scale.of(values, false).least()).isZero();
  }

  @Property
  void soDoesALogarithmicOne(
      @ForAll @Size(min = 1, max = 5) List<@DoubleRange(min = 0.01, max = 1e9) Double> list) {
    double[] values = array(list);
    check(Scale.of(values, true), values);
  }

  private static double[] array(List<Double> list) {
    return list.stream().mapToDouble(value -> value).toArray();
  }

  private static void check(Scale scale, double[] values) {
    assertThat(scale.ticks()).hasSizeBetween(2, 13).isSorted();
    for (double value : values) {
      assertThat(scale.share(value)).isBetween(-1e-9, 1 + 1e-9);
    }
    for (double tick : scale.ticks()) {
      assertThat(scale.share(tick)).isBetween(-1e-9, 1 + 1e-9);
    }
  }

  @Test
  void marksAreRound() {
    assertThat(Scale.of(new double[] {0.044, 0.0475}, false).ticks())
        .usingElementComparator((a, b) -> Math.abs(a - b) < 1e-12 ? 0 : Double.compare(a, b))
        .isEqualTo(List.of(0.0, 0.01, 0.02, 0.03, 0.04, 0.05));
    assertThat(Scale.of(new double[] {24.4, 416}, true).ticks())
        .isEqualTo(List.of(20.0, 50.0, 100.0, 200.0, 500.0));
  }

  @Test
  void anAxisEndsWhereNumbersDo() {
    Scale scale = Scale.of(new double[] {1, 1.5e308}, true);
    assertThat(scale.most()).isLessThanOrEqualTo(Double.MAX_VALUE);
    assertThat(scale.ticks()).allMatch(Double::isFinite);
    assertThat(Scale.of(new double[] {8e307, 1.5e308}, true).ticks()).allMatch(Double::isFinite);
  }

  @Test
  void equalStepsMultiply() {
    Scale scale = Scale.of(new double[] {10, 1000}, true);
    assertThat(scale.share(100)).isCloseTo(0.5, within(1e-12));
    assertThat(Scale.of(new double[] {1, 4}, false).share(2)).isCloseTo(0.5, within(1e-12));
  }

  @Test
  void nothingAndOneValueHaveAnAxisToo() {
    check(Scale.of(new double[0], false), new double[0]);
    check(Scale.of(new double[] {0}, false), new double[] {0});
    check(Scale.of(new double[] {1}, true), new double[] {1});
  }

  @Test
  void textsAreShort() {
    assertThat(List.of(0.0, 50.0, 0.015, 1e-7, 2e6, 24.4224).stream().map(Scale::text).toList())
        .isEqualTo(List.of("0", "50", "0.015", "1.00e-07", "2.00e+06", "24.4224"));
  }
}
