package io.github.wandacuda.backend.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CudaVersionTest {
  @ParameterizedTest
  @CsvSource({"11080, 11.8", "12040, 12.4", "13000, 13.0"})
  void readsAsPeopleWriteIt(int version, String text) {
    assertThat(CudaLibrary.versionText(version)).isEqualTo(text);
  }

  @ParameterizedTest
  @ValueSource(ints = {11080, 12000, 13020})
  void newEnough(int version) {
    assertThat(CudaLibrary.versionProblem(version)).isEmpty();
  }

  @Test
  void tooOld() {
    assertThat(CudaLibrary.versionProblem(11070))
        .contains(
            "the NVIDIA driver is too old: it supports CUDA 11.7, expected 11.8 or later (driver"
                + " 520)");
  }
}
