package io.github.wandacuda.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.UsageException;
import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TextFormatTest {
  @ParameterizedTest
  @CsvSource({
    "a.txt, TEXT", "dir.json/A.TXT, TEXT", "wiki.test.raw, TEXT",
    "a, TEXT", "a.json/b, TEXT", "0000.parquet, PARQUET",
    "a.jsonl, DOCUMENTS", "c4-train.00000-of-01024.json.gz, DOCUMENTS", "a.jsonl.gz, DOCUMENTS",
    "a.json, TOKENS"
  })
  void isWhatTheEndingSays(Path file, TextFormat format) {
    assertThat(TextFormat.of(file)).isEqualTo(format);
  }

  @ParameterizedTest
  @ValueSource(strings = {"a.txt.gz", "a.json.zst", "a.PDF", "model.safetensors"})
  void isAUsageErrorOtherwise(Path file) {
    assertThatThrownBy(() -> TextFormat.of(file))
        .isInstanceOf(UsageException.class)
        .hasMessageStartingWith(file + ": text ends in .txt ")
        .hasMessageContainingAll(".raw", ".jsonl", ".jsonl.gz", ".json.gz", ".parquet", ".json ");
  }
}
