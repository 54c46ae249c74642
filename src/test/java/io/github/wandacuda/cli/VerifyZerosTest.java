package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code verify --zeros-of} a pruned model, of what was made of it. */
class VerifyZerosTest {
  @TempDir Path directory;
  private Path dense;
  private Path pruned;

  @BeforeEach
  void prune() throws IOException {
    dense = new GeneratedLlama(3, 32, 64, 50).write(directory.resolve("dense"));
    pruned = InProcess.pruned(dense, directory.resolve("pruned"));
  }

  private Ended zeros(Path other, Object... more) {
    return InProcess.line("verify --zeros-of %s --model %s", pruned, other, more);
  }

  @Test
  void theZerosAreProved() {
    Path other = directory.resolve("other");
    InProcess.line(
            "prune --quiet --method magnitude --sparsity 0.7 --backend cpu --model %s --output %s",
            dense, other)
        .succeeds();
    Ended result = zeros(other, "--json").succeeds();
    assertThat(result.json().get("verified").asBoolean()).isTrue();
    assertThat(result.json().get("failures")).isEmpty();
    assertThat(result.json().get("modules").asInt()).isEqualTo(21);
    JsonNode inspected = InProcess.run("inspect", "--model", pruned, "--json").json();
    assertThat(result.json().get("zeros").asLong()).isEqualTo(inspected.get("zeros").asLong());
    assertThat(zeros(other).out()).contains("verified: " + other + " has all ");
  }

  @Test
  void lostZerosAreListedTheWorstFirst() {
    Ended result = zeros(dense, "--json");
    assertThat(result.exitCode()).isEqualTo(5);
    JsonNode json = result.json();
    assertThat(json.get("verified").asBoolean()).isFalse();
    assertThat(json.get("failures_by_tensor")).hasSize(21);
    assertThat(json.get("failures").get(0).asText())
        .contains(
            "model-00001-of-00002.safetensors: tensor model.layers.0.mlp.down_proj.weight: row ",
            ": expected 0.0, as in the pruned model, found ",
            " more of the row");
    assertThat(zeros(dense).out()).contains("not verified: ", "in 21 tensors");
    assertThat(zeros(dense).err()).contains("not all zeros of " + pruned);
  }

  private Path model(String name, String type, String dtype, int bytes, String... modules)
      throws IOException {
    Path model = Files.createDirectories(directory.resolve(name));
    Files.writeString(model.resolve("config.json"), "{\"model_type\": \"%s\"}".formatted(type));
    SafetensorsBytes weights = new SafetensorsBytes();
    for (String module : modules) {
      byte[] ones = new byte[2 * 3 * bytes];
      Arrays.fill(ones, bytes, ones.length, (byte) 0x3c);
      weights.raw(module + ".weight", dtype, ones, 2, 3);
    }
    weights.write(model.resolve("model.safetensors"));
    return model;
  }

  @Test
  void otherTypesAreComparedOtherNamesAndShapesAreNot() throws IOException {
    pruned = model("a", "llama", "F16", 2, "layers.0.q_proj", "layers.0.k_proj");
    Path wide = model("b", "llama", "F32", 4, "layers.0.q_proj", "layers.0.k_proj");
    zeros(wide).succeeds();
    Path others = model("c", "llama", "BF16", 2, "layers.0.q_proj", "layers.0.v_proj");
    Ended result = zeros(others);
    assertThat(result.exitCode()).isEqualTo(5);
    assertThat(result.out())
        .contains("tensor layers.0.k_proj.weight: expected it in the other model too, found none")
        .contains("tensor layers.0.v_proj.weight: expected none, as in the pruned model");
    Path turned = model("d", "gpt2", "F16", 2, "layers.0.q_proj", "layers.0.k_proj");
    assertThat(zeros(turned).exitCode()).isEqualTo(5);
    Path quantized = model("e", "llama", "I8", 1, "layers.0.q_proj", "layers.0.k_proj");
    zeros(quantized)
        .fails(3, "expected F32, F16 or BF16, or a quantization_config in config.json, found I8");
  }

  @Test
  void aZeroOfEitherSignIsOne() throws IOException {
    pruned = model("a", "gpt2", "F16", 2, "h.0.c_fc");
    Path other = directory.resolve("b");
    TestData.copy(pruned, other);
    byte[] signed = {0, -0x80, 0, 0x3c, 0, 0x3c, 0, 0x3c, 0, 0x3c, 0, 0x3c};
    new SafetensorsBytes()
        .raw("h.0.c_fc.weight", "F16", signed, 2, 3)
        .write(other.resolve("model.safetensors"));
    zeros(other).succeeds();
    signed[0] = 1;
    new SafetensorsBytes()
        .raw("h.0.c_fc.weight", "F16", signed, 2, 3)
        .write(other.resolve("model.safetensors"));
    assertThat(zeros(other).out()).contains("row 0, column 0: expected 0.0", "found -5.9604645E-8");
  }
}
