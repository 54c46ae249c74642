package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.LoraFolder;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code merge-lora} from a pruned model to a merged one whose zeros are proved. */
class MergeLoraCommandTest {
  private static final String Q = "model.layers.0.self_attn.q_proj";

  @TempDir Path directory;
  private Path pruned;
  private Path adapter;
  private Path merged;

  @BeforeEach
  void prune() throws IOException {
    GeneratedLlama llama = new GeneratedLlama(3, 32, 64, 50);
    Path dense = llama.write(directory.resolve("dense"));
    Files.writeString(dense.resolve("generation_config.json"), "{}");
    pruned = InProcess.pruned(dense, directory.resolve("pruned"));
    merged = directory.resolve("new").resolve("merged");
    adapter =
        LoraFolder.write(
            directory.resolve("adapter"), LoraFolder.CONFIG, LoraFolder.pair(Q, 32, 32, 0.25f));
  }

  private Ended merge(Object... more) {
    return InProcess.line(
        "merge-lora --model %s --adapter %s --output %s", pruned, adapter, merged, more);
  }

  private Ended zeros(Path other, Object... more) {
    return InProcess.line("verify --zeros-of %s --model %s", pruned, other, more);
  }

  @Test
  void onlyWeightsOfTheAdaptersModuleThatAreNotZeroChange() throws IOException {
    Ended result = merge("--json", "--quiet").succeeds();
    assertThat(result.err()).isEmpty();
    JsonNode json = result.json();
    int zeros = 0;
    int changed = 0;
    for (String shard :
        List.of("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")) {
      TreeMap<String, byte[]> before = TestData.bytes(pruned.resolve(shard));
      TreeMap<String, byte[]> after = TestData.bytes(merged.resolve(shard));
      assertThat(after.keySet()).isEqualTo(before.keySet());
      for (Map.Entry<String, byte[]> tensor : before.entrySet()) {
        byte[] now = after.get(tensor.getKey());
        if (!tensor.getKey().equals(Q + ".weight")) {
          assertThat(now).isEqualTo(tensor.getValue());
          continue;
        }
        for (int at = 0; at < now.length; at += 2) {
          int was = (tensor.getValue()[at] & 0xff) | tensor.getValue()[at + 1] << 8;
          int is = (now[at] & 0xff) | now[at + 1] << 8;
          float weight = Float.intBitsToFloat(was << 16);
          zeros += weight == 0 ? 1 : 0;
          changed += was == is ? 0 : 1;
          assertThat(Float.intBitsToFloat(is << 16))
              .isCloseTo(weight == 0 ? 0 : weight + 0.25f, Offset.offset(0.004f));
        }
      }
    }
    assertThat(zeros).isPositive();
    assertThat(json.get("zeros").asInt()).isEqualTo(zeros);
    assertThat(json.get("changed").asInt()).isEqualTo(changed).isEqualTo(1024 - zeros);
    assertThat(json.get("weights").asInt()).isEqualTo(1024);
    assertThat(json.get("modules").asInt()).isEqualTo(1);
    assertThat(json.get("output").asText()).isEqualTo(merged.toString());
    assertThat(json.get("seconds").get("total").asDouble()).isPositive();
  }

  @Test
  void theDirectoryHasTheModelsFilesButNotItsRecord() throws IOException {
    merge().succeeds();
    List<String> expected = new ArrayList<>(TestData.names(pruned));
    assertThat(expected.remove("wanda-cuda.json")).isTrue();
    assertThat(TestData.names(merged)).isEqualTo(expected);
    for (String name : expected) {
      if (!name.equals("model-00001-of-00002.safetensors")) {
        assertThat(Files.mismatch(pruned.resolve(name), merged.resolve(name))).isEqualTo(-1);
      }
    }
    InProcess.run("inspect", "--model", merged).succeeds();
  }

  @Test
  void theNumberOfThreadsChangesNothing() {
    merge("--threads", 1).succeeds();
    Path first = merged;
    merged = directory.resolve("second");
    merge("--threads", 3).succeeds();
    Directories.assertSame(first, merged);
  }

  /** A loader would add the adapter once more. */
  @Test
  void anAdapterInTheModelsOwnFolderIsLeftOut() throws IOException {
    for (String name : TestData.names(adapter)) {
      Files.move(adapter.resolve(name), pruned.resolve(name));
    }
    adapter = pruned;
    merge().succeeds();
    assertThat(TestData.names(merged))
        .contains("config.json")
        .noneMatch(n -> n.contains("adapter"));
  }

  @Test
  void anOutputThatIsNotEmptyIsRefusedAndLeftAsItIs() throws IOException {
    Files.createDirectories(merged);
    Files.writeString(merged.resolve("mine"), "mine");
    merge().fails(2, "not empty");
    assertThat(TestData.names(merged)).containsExactly("mine");
    merged = pruned.resolve("inside");
    assertThat(merge().exitCode()).isEqualTo(2);
  }

  @Test
  void aMergeThatFailsLeavesNothing() throws IOException {
    LoraFolder.write(adapter, LoraFolder.CONFIG, LoraFolder.pair(Q, 32, 32, 3.39e38f));
    Path config = adapter.resolve("adapter_config.json");
    Files.writeString(config, LoraFolder.CONFIG.replace("\"lora_alpha\": 2", "\"lora_alpha\": 4"));
    Ended result = merge("--quiet");
    assertThat(result.exitCode()).isEqualTo(3);
    assertThat(result.err().lines())
        .singleElement()
        .asString()
        .contains("tensor " + Q + ".weight: row ", "finite in BF16");
    assertThat(merged.getParent()).doesNotExist();
  }

  @Test
  void aKilledMergeIsNamed() throws IOException {
    Files.createDirectories(merged);
    TestData.copy(pruned, directory.resolve("copy"));
    Files.writeString(merged.resolve(".wanda-cuda.journal"), "");
    assertThat(merge().err()).contains("the output holds an interrupted run");
  }

  @Test
  void theZerosAreProved() {
    merge("--quiet").succeeds();
    Ended result = zeros(merged, "--json").succeeds();
    assertThat(result.json().get("verified").asBoolean()).isTrue();
    assertThat(result.json().get("failures")).isEmpty();
    assertThat(result.json().get("modules").asInt()).isEqualTo(21);
    JsonNode inspected = InProcess.run("inspect", "--model", pruned, "--json").json();
    assertThat(result.json().get("zeros").asLong()).isEqualTo(inspected.get("zeros").asLong());
    assertThat(zeros(merged).out()).contains("verified: " + merged + " has all ");
  }

  @Test
  void lostZerosAreListedTheWorstFirst() {
    Ended result = zeros(directory.resolve("dense"), "--json");
    assertThat(result.exitCode()).isEqualTo(5);
    JsonNode json = result.json();
    assertThat(json.get("verified").asBoolean()).isFalse();
    assertThat(json.get("failures_by_tensor")).hasSize(21);
    assertThat(json.get("failures").get(0).asText())
        .contains(
            "model-00001-of-00002.safetensors: tensor model.layers.0.mlp.down_proj.weight: row ",
            ": expected 0.0, as in the pruned model, found ",
            " more of the row");
    assertThat(zeros(directory.resolve("dense")).out()).contains("not verified: ", "in 21 tensors");
    assertThat(zeros(directory.resolve("dense")).err()).contains("not all zeros of " + pruned);
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
