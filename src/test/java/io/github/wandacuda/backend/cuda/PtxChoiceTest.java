package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PtxChoiceTest {
  @ParameterizedTest
  @CsvSource({
    "75, rows.sm_75.ptx",
    "80, rows.sm_80.ptx rows.sm_75.ptx",
    "90, rows.sm_80.ptx rows.sm_75.ptx",
    "120, rows.sm_80.ptx rows.sm_75.ptx",
    "70, ''"
  })
  void prefersTheNewestThatTheDeviceRuns(int capability, String resources) {
    assertThat(String.join(" ", CudaModules.resources("rows", capability).toList()))
        .isEqualTo(resources);
  }
}
