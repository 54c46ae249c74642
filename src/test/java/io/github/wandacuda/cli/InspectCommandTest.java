package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.testing.EditedModel;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code inspect} says of a model, and of one that can't be run. */
class InspectCommandTest {
  private static final Path LLAMA = TestData.fixture("llama-gqa").resolve("model");

  @TempDir Path directory;

  private static List<String> lines(Object... words) {
    Ended result = InProcess.run(words).succeeds();
    return result.out().lines().toList();
  }

  @Test
  void eachBlockHasALineUnlessModulesAreAskedFor() {
    List<String> blocks = lines("inspect", "--model", TestData.TINY_LLAMA);
    assertThat(blocks).hasSize(10);
    assertThat(blocks.get(8)).isEqualTo("BF16 in 42 linear modules");
    assertThat(blocks.get(0)).isEqualTo("llama, LlamaForCausalLM: a calibrated run is possible");
    assertThat(blocks.get(2).split(" +")).containsExactly("0", "7", "184320", "0.00", "%");
    assertThat(blocks.get(9))
        .isEqualTo(
            "1631872 parameters in 3269816 bytes, 1105920 of them in 42 linear modules, 0 of those"
                + " zero (0.00 %)");
    List<String> modules = lines("inspect", "--model", TestData.TINY_LLAMA, "--modules");
    assertThat(modules).hasSize(46);
    assertThat(modules.get(2).split(" +"))
        .containsExactly("model.layers.0.mlp.down_proj", "BF16", "128", "x", "352", "0.00", "%");
  }

  /** Its weights are gone at the first line that is said. */
  @Test
  void whatAModelIsIsSaidBeforeItsZerosAreCounted() {
    Path model = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    OutputStream cutting =
        new OutputStream() {
          @Override
          public void write(int value) throws IOException {
            if (value == '\n') {
              try (FileChannel shard =
                  FileChannel.open(
                      model.resolve("model-00002-of-00003.safetensors"),
                      StandardOpenOption.WRITE)) {
                shard.truncate(shard.size() / 2);
              }
            }
          }
        };
    InProcess.to(cutting, "inspect", "--model", model).fails(3, "model-00002-of-00003.safetensors");
  }

  @Test
  void aTowerBesideTheDecoderIsSaidToBeLeftAlone() throws IOException {
    Files.writeString(
        directory.resolve("config.json"),
        """
        {"model_type": "gemma3", "text_config": {"model_type": "other"}}
        """);
    new SafetensorsBytes()
        .f32("model.language_model.layers.0.mlp.up_proj.weight", 2, 4)
        .f32("model.vision_tower.layers.0.q_proj.weight", 2, 2)
        .f32("model.vision_tower.norm.weight", 3)
        .write(directory.resolve("model.safetensors"));
    List<String> lines = lines("inspect", "--model", directory);
    assertThat(lines.get(0))
        .startsWith("gemma3, no architecture: no calibrated run, since ")
        .contains("no forward pass for model_type 'other'");
    assertThat(lines.getLast()).isEqualTo("left alone: model.vision_tower, 7 parameters");
    JsonNode json = InProcess.line("inspect --model %s --json", directory).json();
    assertThat(json.at("/left_alone/model.vision_tower").asInt()).isEqualTo(7);
    assertThat(json.get("modules")).hasSize(1);
  }

  @Test
  void aPatternChoosesModules() {
    Ended result = InProcess.line("inspect --model %s --match 1.*q_proj --json", LLAMA);
    JsonNode json = result.json();
    assertThat(json.get("modules")).hasSize(1);
    assertThat(json.get("modules").get(0).get("name").asText())
        .isEqualTo("model.layers.1.self_attn.q_proj");
    long elements = json.at("/modules/0/rows").asLong() * json.at("/modules/0/columns").asLong();
    assertThat(json.get("prunable").asLong()).isEqualTo(elements);
    assertThat(json.get("parameters").asLong()).isGreaterThan(elements);
    assertThat(json.get("model_type").asText()).isEqualTo("llama");
    assertThat(json.get("architecture").asText()).isEqualTo("LlamaForCausalLM");
    assertThat(json.get("calibrated_run").asBoolean()).isTrue();
    assertThat(json.get("obstacle").isNull()).isTrue();
    assertThat(json.get("parts").toString()).isEqualTo("{\"attention\":2,\"denseMlp\":2}");
    InProcess.line("inspect --model %s --match conv", LLAMA).isRefused(2, "--match: 'conv'");
    assertThat(InProcess.line("inspect --model %s --match (", LLAMA).exitCode()).isEqualTo(2);
  }

  @Test
  void aPatternAlsoChoosesModulesThatCannotBePruned() {
    assertThat(
            InProcess.line(
                    "inspect --model %s --match down_proj --json",
                    TestData.fixture("gptq-v2-llama-gqa").resolve("model"))
                .json()
                .get("modules"))
        .hasSize(2);
  }

  @Test
  void aConfigOfFewerBlocksThanThereAreIsAnObstacle() throws IOException {
    EditedModel edited = EditedModel.of(LLAMA);
    edited.config().put("num_hidden_layers", 1);
    Path model = edited.write(directory.resolve("fewer"));
    JsonNode json = InProcess.line("inspect --model %s --json", model).json();
    assertThat(json.get("calibrated_run").asBoolean()).isFalse();
    assertThat(json.get("obstacle").asText()).contains("expected as many blocks");
  }

  @Test
  void aWeightOfAnUnknownTypeIsAnObstacleWithoutAWayOutThatInspectLacks() throws IOException {
    EditedModel edited = EditedModel.of(LLAMA);
    edited
        .tensors()
        .compute(
            "model.layers.0.self_attn.q_proj.weight",
            (name, old) -> EditedModel.Tensor.zeros("F64", Double.BYTES, old.shape()));
    Path model = edited.write(directory.resolve("unknown"));
    JsonNode json = InProcess.line("inspect --model %s --json", model).json();
    assertThat(json.get("obstacle").asText()).endsWith("found F64");
  }

  @Test
  void whatAModelLacksIsSaid() throws IOException {
    Path model = Files.createDirectory(directory.resolve("model"));
    Files.writeString(
        model.resolve("config.json"),
        "{\"model_type\": \"mamba\", \"architectures\": [\"MambaForCausalLM\"]}");
    new SafetensorsBytes()
        .f32("layers.0.q_proj.weight", new float[] {0, 1, 0, 2, 3, 0, 0, 4}, 2, 4)
        .f32("layers.1.q_proj.weight", new float[] {0, 1, 2, 3, 0, 0, 0, 0}, 2, 4)
        .write(model.resolve("model.safetensors"));
    List<String> lines = lines("inspect", "--model", model);
    assertThat(lines.get(0))
        .startsWith("mamba, MambaForCausalLM: no calibrated run, since ")
        .contains("mamba")
        .contains(
            "; --statistics and --method magnitude of 'wanda-cuda prune' need no forward pass");
    assertThat(lines.get(2).split(" +")).containsExactly("0", "1", "8", "50.00", "%", "2:4");
    assertThat(lines.get(3).split(" +")).containsExactly("1", "1", "8", "62.50", "%");
  }
}
