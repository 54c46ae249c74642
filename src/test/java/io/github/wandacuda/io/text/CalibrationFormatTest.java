package io.github.wandacuda.io.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.UsageException;
import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CalibrationFormatTest {
  @ParameterizedTest
  @CsvSource({
    "a.txt, STREAM",
    "dir.json/A.TXT, STREAM",
    "a.jsonl, DOCUMENTS",
    "c4-train.00000-of-01024.json.gz, DOCUMENTS",
    "a.jsonl.gz, DOCUMENTS",
    "a.json, TOKENS",
  })
  void isWhatTheEndingSays(Path file, CalibrationFormat format) {
    assertThat(CalibrationFormat.of(file)).isEqualTo(format);
  }

  @ParameterizedTest
  @ValueSource(strings = {"a", "a.text", "a.txt.gz", "a.json.zst", "a.parquet", "txt", "a.json/b"})
  void isAUsageErrorOtherwise(Path file) {
    assertThatThrownBy(() -> CalibrationFormat.of(file))
        .isInstanceOf(UsageException.class)
        .hasMessageStartingWith(file + ": calibration data ends in .txt ")
        .hasMessageContainingAll(".jsonl", ".jsonl.gz", ".json.gz", ".json ");
  }
}
