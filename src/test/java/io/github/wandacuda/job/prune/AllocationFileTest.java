package io.github.wandacuda.job.prune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AllocationFileTest {
  private static final List<String> MODULES =
      List.of(
          "model.layers.0.self_attn.q_proj",
          "model.layers.0.mlp.down_proj",
          "model.layers.1.self_attn.q_proj",
          "model.layers.1.mlp.down_proj",
          "model.layers.10.mlp.down_proj");

  @TempDir Path directory;

  private AllocationFile read(String json) throws IOException {
    return AllocationFile.read(Files.writeString(directory.resolve("allocation.json"), json));
  }

  private Map<String, Double> of(String json) throws IOException {
    return read(json).of(MODULES, 0.5);
  }

  @Test
  void givesEachModuleTheFirstKeyThatMatches() throws IOException {
    Map<String, Double> sparsities =
        of("{\"q_proj\": 0, \"1\": 0.25, \"layers\\\\.1\\\\.\": 0.9, \"10\": 7e-1}");
    assertThat(sparsities.keySet()).containsExactlyElementsOf(MODULES);
    assertThat(sparsities.values()).containsExactly(0.0, 0.5, 0.0, 0.25, 0.7);
  }

  @Test
  void theOrderOfTheFileDecides() throws IOException {
    assertThat(of("{\"1\": 0.25, \"q_proj\": 0.1, \".\": 0.6}").values())
        .containsExactly(0.1, 0.6, 0.25, 0.25, 0.6);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"{\"2\": 0.5}", "{\"01\": 0.5}", "{\"k_proj\": 0.5}", "{\".\":0,\"x\":0}"})
  void refusesAKeyThatMatchesNothing(String json) throws IOException {
    AllocationFile file = read(json);
    assertThatThrownBy(() -> file.of(MODULES, 0.5))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("allocation.json: '")
        .hasMessageContaining("matches none of 5 modules");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"0\": 1} | '0': expected a number of at least 0 and less than 1, found 1",
        "{\"0\": -0.1} | expected a number of at least 0 and less than 1, found -0.1",
        "{\"0\": \"0.5\"} | found string \"0.5\"",
        "{\"0\": null} | found null",
        "{\"0\": [0.5]} | found [",
        "{\"0\": 0.1, \"1\": 0.2, \"0\": 0.3} | line 1: '0': this key is there twice",
        "{\"(\": 0.5} | line 1: '(': expected a block's number or a regular expression",
      })
  void refusesWhatCannotBe(String json, String message) {
    assertThatThrownBy(() -> read(json))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("allocation.json: line 1: ")
        .hasMessageContaining(message);
  }

  @Test
  void namesTheLine() {
    assertThatThrownBy(() -> read("{\n  \"0\": 0.5,\n  \"1\": 5\n}"))
        .hasMessageContaining("allocation.json: line 3: '1': expected");
  }

  @Test
  void manyPatternsAreReadAndTheWrongOneIsNamedInOneLine() throws IOException {
    StringBuilder many = new StringBuilder("{");
    for (int index = 0; index < 60_000; index++) {
      many.append("\"up.%d\": 0.5,\n".formatted(index));
    }
    AllocationFile file = read(many + "\".\": 0.5}");
    assertThatThrownBy(() -> file.of(MODULES, 0.5))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("'up.0'")
        .message()
        .hasLineCount(1);
    assertThatThrownBy(() -> read(many + "\"(\": 0.5}"))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("line 60001: '(': expected a block's number or a regular expression")
        .message()
        .hasLineCount(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[0.5]", "0.5", "{\"0\": 0.5", "{} {}", "{\"0\": NaN}"})
  void refusesWhatIsNoJsonObject(String json) {
    assertThatThrownBy(() -> read(json))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("allocation.json: allocation: expected");
  }

  @Test
  void refusesAFileThatIsNotThereOrTooLong() throws IOException {
    assertThatThrownBy(() -> AllocationFile.read(directory.resolve("missing.json")))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("missing.json: cannot be read: no such file or folder");
    String spaces = " ".repeat((16 << 20) - 1);
    assertThat(of("{}" + spaces.substring(1)).values()).containsOnly(0.5);
    assertThatThrownBy(() -> of("{}" + spaces))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("expected at most 16777216 bytes, found 16777217");
  }
}
