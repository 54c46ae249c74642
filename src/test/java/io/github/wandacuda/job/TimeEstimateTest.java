package io.github.wandacuda.job;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A time is told in the unit that people would take. */
class TimeEstimateTest {
  @ParameterizedTest
  @CsvSource({
    "0.4, 2, 3.5, about 2 s (0 to 4 s)", "45, 70, 110, about 70 s (45 to 110 s)",
    "200, 300, 470, about 5 min (3 to 8 min)", "21700, 32400, 50000, about 9 h (6 to 14 h)"
  })
  void isToldInItsUnit(double least, double about, double most, String text) {
    assertThat(new TimeEstimate(least, about, most).text()).isEqualTo(text);
  }
}
