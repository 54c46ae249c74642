package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What {@code verify} says to people and to programs. */
class VerifyCommandTest {
  private static final int ROWS = 60;
  private static final int COLUMNS = 8;

  @TempDir Path directory;
  private Path dense;
  private Path pruned;

  @BeforeEach
  void prune() throws IOException {
    dense = Files.createDirectory(directory.resolve("dense"));
    pruned = directory.resolve("pruned");
    Files.writeString(dense.resolve("config.json"), "{}");
    SafetensorsBytes weights = new SafetensorsBytes();
    SafetensorsBytes norms = new SafetensorsBytes().metadata("format", "wanda-cuda.statistics.v1");
    for (int layer = 0; layer < 12; layer++) {
      float[] values = new float[ROWS * COLUMNS];
      for (int at = 0; at < values.length; at++) {
        values[at] = 1 + at;
      }
      weights.f32(
          "layers." + layer + ".self_attn.query_key_value_proj.weight", values, ROWS, COLUMNS);
      float[] ones = new float[COLUMNS];
      Arrays.fill(ones, 1);
      norms.f32("layers." + layer + ".self_attn.query_key_value_proj.input_norm", ones, COLUMNS);
    }
    weights.write(dense.resolve("model.safetensors"));
    Path statistics = norms.write(directory.resolve("norms.safetensors"));
    InProcess.line(
            "prune --model %s --output %s --statistics %s --backend cpu --quiet",
            dense, pruned, statistics)
        .succeeds();
  }

  private Ended verify(Object... more) {
    List<Object> words = Words.of("verify --dense %s --pruned %s", dense, pruned, more);
    return assertTimeoutPreemptively(Duration.ofSeconds(20), () -> InProcess.run(words));
  }

  /** Writes the source's weights over the first ones of a module's rows. */
  private void bringBack(int layer, int rows, int columns) throws IOException {
    Path file = pruned.resolve("model.safetensors");
    long start;
    try (SafetensorsFile shard = SafetensorsFile.open(file)) {
      TensorInfo tensor =
          shard.tensor("layers." + layer + ".self_attn.query_key_value_proj.weight").orElseThrow();
      start = shard.dataOffset() + tensor.begin();
    }
    try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
      for (int row = 0; row < rows; row++) {
        for (int column = 0; column < Math.min(columns, row + 1); column++) {
          int at = row * COLUMNS + column;
          out.seek(start + 4L * at);
          out.writeInt(Integer.reverseBytes(Float.floatToIntBits(1f + at)));
        }
      }
    }
  }

  @Test
  void rowsComeByModuleInNumericalOrderTheWorstFirst() throws IOException {
    bringBack(10, ROWS, 4);
    bringBack(2, ROWS, 2);
    Ended result = verify();
    assertThat(result.exitCode()).isEqualTo(5);
    assertThat(result.out().lines().map(String::strip))
        .containsSubsequence(
            "not verified: 120 failures in 2 tensors, 1 elsewhere",
            pruned.resolve("model.safetensors")
                + ": tensor layers.2.self_attn.query_key_value_proj.weight: 60 failures, the worst"
                + " first",
            "row 1: expected at least 4 zeros, found 2",
            "row 2: expected at least 4 zeros, found 2",
            "row 3: expected at least 4 zeros, found 2",
            "and 57 more (--json lists them)",
            pruned.resolve("model.safetensors")
                + ": tensor layers.10.self_attn.query_key_value_proj.weight: 60 failures, the worst"
                + " first",
            "row 3: expected at least 4 zeros, found 0");
    JsonNode json = verify("--json").json();
    assertThat(json.get("verified").asBoolean()).isFalse();
    assertThat(json.get("failures")).hasSize(121);
    assertThat(json.get("failures_by_tensor").get(1).get("tensor").asText())
        .isEqualTo("layers.10.self_attn.query_key_value_proj.weight");
    assertThat(json.get("failures_by_tensor").get(1).get("count").asInt()).isEqualTo(60);
  }

  @Test
  void notesAreToldOfAndNoFailureUnlessStrict() throws IOException {
    Files.writeString(pruned.resolve("NOTES.md"), "# Pruned");
    Ended result = verify().succeeds();
    assertThat(result.out()).contains("verified: ", "NOTES.md");
    Ended json = verify("--json");
    assertThat(json.json().get("verified").asBoolean()).isTrue();
    assertThat(json.json().get("failures")).isEmpty();
    assertThat(json.json().get("added").get(0).asText()).isEqualTo("NOTES.md");
    Ended strict = verify("--strict");
    strict.fails(5, "NOTES.md", "--strict");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "pytorch_model.bin", "modeling_x.py", "adapter_config.json", "x/more.safetensors",
        "tokenizer.model", "chat_template.jinja", ".wanda-cuda.masks", "model.gguf"
      })
  void whatALoaderReadsIsAFailure(String name) throws IOException {
    Files.createDirectories(pruned.resolve(name).getParent());
    Files.writeString(pruned.resolve(name), "{}");
    Ended result = verify();
    assertThat(result.exitCode()).isEqualTo(5);
    assertThat(result.out()).contains(name + ": expected nothing, as in the source");
  }

  @Test
  void whatCannotBeCheckedIsSaid() throws IOException {
    edit("statistics_sha256", "0".repeat(64));
    Ended result = verify().succeeds();
    assertThat(result.out()).contains("not checked").contains("statistics_sha256");
    assertThat(verify("--json").json().get("unchecked").toString()).contains("statistics_sha256");
  }

  @ParameterizedTest
  @ValueSource(strings = {"((([a-z_.0-9]+)+)+)+!", "MILLION", "(a|aa)+$", "(.*)*(.*)*(.*)*!"})
  @Thorough
  void aPatternOutOfTheRecordTakesNoTime(String pattern) throws IOException {
    edit("include", pattern.equals("MILLION") ? "x".repeat(1 << 20) : pattern);
    Ended result = verify();
    assertThat(result.exitCode()).isEqualTo(5);
    assertThat(result.out()).contains("wanda-cuda.json: include, exclude: expected patterns");
  }

  @ParameterizedTest
  @ValueSource(strings = {"(((([a-z_.0-9]+)+)+)+)+!", "MILLION", "((", "DEEP"})
  @FirstCases(1)
  void aPatternOfAnOptionIsRefusedInTime(String pattern) {
    String regex =
        pattern.equals("MILLION")
            ? "x".repeat(100_000)
            : pattern.equals("DEEP") ? "(".repeat(4000) + ")".repeat(4000) : pattern;
    Ended result = verify("--sparsity", "0.5", "--include", regex);
    assertThat(result.exitCode()).as(result.err()).isEqualTo(2);
    assertThat(result.err()).contains("--include").hasSizeLessThan(1000);
  }

  private void edit(String key, String value) throws IOException {
    Path file = pruned.resolve("wanda-cuda.json");
    JsonMapper mapper = JsonMapper.builder().build();
    ObjectNode json = (ObjectNode) mapper.readTree(file.toFile());
    if (key.equals("include")) {
      json.putArray(key).add(value);
    } else {
      json.put(key, value);
    }
    mapper.writeValue(file.toFile(), json);
  }

  @Test
  void anotherSourceIsToldFirstAndWhatFollowsIsNotListed() {
    Path other = TestData.fixture("llama-gqa").resolve("model");
    Ended result = InProcess.line("verify --dense %s --pruned %s", other, pruned);
    String cause = pruned.resolve("wanda-cuda.json") + ": source_sha256: expected ";
    result.fails(5, cause, "it was not made from this source");
    List<String> lines = result.out().lines().toList();
    assertThat(lines.get(1)).startsWith("  " + cause);
    assertThat(lines.get(2)).endsWith("may follow from that (--json lists them)");
    assertThat(lines).hasSizeLessThan(6);
  }
}
