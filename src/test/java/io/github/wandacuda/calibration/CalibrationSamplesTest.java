package io.github.wandacuda.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class CalibrationSamplesTest {
  @Test
  void describesWhatItHolds() {
    CalibrationSamples samples =
        new CalibrationSamples(
            List.of(new int[] {1, 2, 0x01020304}, new int[] {3, 0, 65_536}), false);
    assertThat(samples.tokens().length).isEqualTo(2);
    assertThat(samples.sequenceLength()).isEqualTo(3);
    assertThat(samples.tokens()).isDeepEqualTo(new int[][] {{1, 2, 0x01020304}, {3, 0, 65_536}});
    // sha256 of 01000000 02000000 04030201 03000000 00000000 00000100
    assertThat(samples.sha256())
        .isEqualTo("e55c2282cb5fdacb0f7188041cc3f2fda7579c24ea9bfc3a26b4596b5f5ae5de");
  }

  @Test
  void refusesNoSamplesAndUnequalOnes() {
    for (List<int[]> bad :
        List.of(List.<int[]>of(), List.of(new int[0]), List.of(new int[] {1}, new int[] {1, 2}))) {
      assertThatThrownBy(() -> new CalibrationSamples(bad, false))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
