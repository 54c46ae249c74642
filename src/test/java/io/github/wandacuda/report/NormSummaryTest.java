package io.github.wandacuda.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.report.PruneReport.NormSummary;
import org.junit.jupiter.api.Test;

class NormSummaryTest {
  @Test
  void tellsOutliersFromTheRest() {
    NormSummary summary = NormSummary.of(new float[] {1, 20, 1, 2, 10, 21, 1, 0, 1});
    assertThat(summary.least()).isZero();
    assertThat(summary.median()).isEqualTo(1);
    assertThat(summary.most()).isEqualTo(21);
    assertThat(summary.mean()).isEqualTo(57 / 9.0);
    // Ten times the median is none yet.
    assertThat(summary.outliers()).containsExactly(5, 1);
  }

  @Test
  void aDeadInputHasNone() {
    assertThat(NormSummary.of(new float[] {0, 0, 0, 5}).outliers()).isEmpty();
    assertThat(NormSummary.of(new float[0]).most()).isZero();
  }
}
