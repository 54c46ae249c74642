package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.testing.Blocks;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code prune --structure blocks} and {@code verify} of what it writes. */
class BlocksCommandTest {
  private static final Path TOKENS = TestData.fixture("llama-mha").resolve("tokens.json");

  @TempDir Path directory;

  private Path output;
  private Path source;

  @BeforeEach
  void name() {
    output = directory.resolve("out");
    source =
        TestData.copy(TestData.fixture("llama-mha").resolve("model"), directory.resolve("source"));
  }

  private Ended prune(String options, Object... values) {
    List<Object> all = new ArrayList<>(List.of(source, output, TOKENS));
    all.addAll(List.of(values));
    return InProcess.line(
        "prune --model %s --output %s --structure blocks --calibration %s --backend cpu " + options,
        all.toArray());
  }

  private Ended verify() {
    return InProcess.line("verify --dense %s --pruned %s --json", source, output);
  }

  private Path made(String name, Integer... blocks) {
    source = Blocks.made(name, directory.resolve("made"), List.of(blocks), "{}");
    return source;
  }

  private void edit(String from, String to) throws IOException {
    TestData.replace(source.resolve("config.json"), from, to);
  }

  private JsonNode config() {
    return TestData.json(output.resolve("config.json"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"loss", "influence", "angular"})
  void blocksGoByEachScore(String score) throws IOException {
    String options = "--sparsity 0.5 --evaluate %s --json --score " + score;
    JsonNode result = prune(options, TOKENS).succeeds().json();
    assertThat(result.get("structure").asText()).isEqualTo("blocks");
    assertThat(result.get("score").asText()).isEqualTo(score);
    assertThat(result.get("removed").toString()).matches("\\[[0-2]]");
    assertThat(result.get("blocks_before").asInt()).isEqualTo(3);
    assertThat(result.get("blocks_after").asInt()).isEqualTo(2);
    assertThat(result.get("bytes_after").asLong())
        .isEqualTo(Files.size(output.resolve("model.safetensors")));
    assertThat(result.get("perplexity").get("after").asDouble())
        .isNotEqualTo(result.get("perplexity").get("before").asDouble());
    JsonNode record = TestData.json(output.resolve("wanda-cuda.json"));
    assertThat(record.get("removed")).isEqualTo(result.get("removed"));
    assertThat(record.get("config").toString()).isEqualTo("{\"num_hidden_layers\":2}");
    verify().succeeds();
    byte[] before = Files.readAllBytes(output.resolve("model.safetensors"));
    prune("--resume --sparsity 0.5 --score " + score).succeeds();
    assertThat(output.resolve("model.safetensors")).hasBinaryContent(before);
    prune("--resume --remove 2 --score influence").isRefused(2, "the output of another run");
  }

  @Test
  void theLossKeepsBothEnds() {
    made("llama-mha", 0, 1, 2, 1);
    JsonNode result = prune("--remove 2 --json").succeeds().json();
    assertThat(result.get("removed").toString()).isEqualTo("[1,2]");
    assertThat(result.get("score").asText()).isEqualTo("loss");
    verify().succeeds();
  }

  /** Plans take the first blocks, since most are of one size. */
  @Test
  void plansRunNoSample() {
    JsonNode plan = prune("--remove 1 --dry-run --json").succeeds().json();
    assertThat(plan.has("removed")).isFalse();
    assertThat(output).doesNotExist();
    JsonNode result = prune("--remove 1 --json").succeeds().json();
    assertThat(result.get("removed").toString()).isEqualTo("[1]");
    assertThat(plan.get("bytes_after")).isEqualTo(result.get("bytes_after"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--remove 0 | 3 | expected 1 to 2 of the 3 blocks to remove, found 0",
        "--remove 3 | 3 | expected 1 to 2 of the 3 blocks to remove, found 3",
        "--remove 2 | 3 | at most 1 of the 3 blocks to remove, since score loss keeps the",
        "--sparsity 0.3 | 3 | --sparsity: expected at least 0.3334, which removes 1 of 3 blocks",
        "--remove 1 --score reap | 2 | --score: expected one of [loss, influence, angular] for",
        "--remove 1 --save-statistics s | 2 | --save-statistics: blocks go by no statistics",
        "--remove 1 --statistics s | 2 | --calibration and --statistics exclude each other",
      })
  void whatCanNotGoIsRefused(String options, int code, String said) {
    prune(options).isRefused(code, said);
    assertThat(output).doesNotExist();
  }

  @Test
  void statisticsAreNoSamples() {
    InProcess.line(
            "prune --model %s --output %s --structure blocks --statistics %s",
            source, output, TOKENS)
        .isRefused(2, "--structure blocks needs --calibration FILE");
  }

  @Test
  void periodsAreKept() {
    made("gpt_oss", 0, 1, 0, 1, 0, 1);
    prune("--remove 3").isRefused(3, "whole periods of 2 blocks to remove, since loaders tell");
    JsonNode result = prune("--sparsity 0.5 --json").succeeds().json();
    assertThat(result.get("removed")).hasSize(2);
    verify().succeeds();
    source = TestData.fixture("olmo3").resolve("model");
    prune("--remove 1 --score influence").isRefused(3, "whole periods of 4 blocks to remove");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "config.json | \"num_hidden_layers\": 2 | \"num_hidden_layers\": 3 | config.json: expected",
        "wanda-cuda.json | \"removed\" : [ 1 ] | \"removed\" : [ 0 ] | differs at byte",
        "wanda-cuda.json | \"removed\" : [ 1 ] | \"removed\" : [ 1, 1 ] | removed: expected [1]",
        "wanda-cuda.json | \"removed\" : [ 1 ] | \"removed\" : [ 3 ] | blocks: expected some of 0",
        "wanda-cuda.json | \"removed\" : [ 1 ] | \"removed\" : [ 0, 1, 2 ] | blocks: expected some",
        "wanda-cuda.json | \"removed\" : [ 1 ] | \"removed\" : [ ] | blocks: expected some of 0",
        "wanda-cuda.json | \"removed\" : [ 1 ] | \"removed\" : { \"1\" : [ ] } | removed: expected",
        "wanda-cuda.json | \"removed\" : [ 1 ] | \"removed\" : [ \"1\" ] | removed: expected a list",
        "wanda-cuda.json | \"num_hidden_layers\" : 2 | \"num_hidden_layers\" : 1 | config: expected",
        "wanda-cuda.json | \"blocks\" | \"experts\" | expected a mixture of experts"
      })
  void changedFilesAreFound(String file, String from, String to, String said) throws IOException {
    Path unused = Blocks.remove(source, output, List.of(1));
    verify().succeeds();
    TestData.replace(output.resolve(file), from, to);
    Ended found = verify();
    assertThat(found.exitCode()).isIn(3, 5);
    assertThat(found.said()).contains(said);
  }

  /** Modules that aren't quantized are named by their blocks' new numbers. */
  @Test
  void settingsOfQuantizedModulesFollowTheirBlocks() throws IOException {
    made("fp8-block-bf16-qwen3", 0, 1, 1, 0);
    edit(
        "\"lm_head\", \"model.layers.0.input_layernorm\", \"model.layers.1.mlp.down_proj\"",
        "\"lm_head\", \"model.layers.1.mlp.down_proj\", \"model.layers.2.mlp.down_proj\","
            + " \"visual.layers.3.mlp\", \"re:.*layers\\\\.\\\\d+\\\\.never\"");
    prune("--remove 1 --score angular").succeeds();
    verify().succeeds();
    int gone = TestData.json(output.resolve("wanda-cuda.json")).get("removed").get(0).asInt();
    List<String> left =
        switch (gone) {
          case 0 -> List.of("model.layers.0.mlp.down_proj", "model.layers.1.mlp.down_proj");
          case 3 -> List.of("model.layers.1.mlp.down_proj", "model.layers.2.mlp.down_proj");
          default -> List.of("model.layers.1.mlp.down_proj");
        };
    assertThat(
            config()
                .at("/quantization_config/modules_to_not_convert")
                .valueStream()
                .map(JsonNode::asText)
                .filter(name -> name.startsWith("model.")))
        .isEqualTo(left);
    assertThat(config().at("/quantization_config/modules_to_not_convert").toString())
        .contains("\"lm_head\"", "\"visual.layers.3.mlp\"", "never");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "re:.*layers\\\\.1\\\\.never",
        "re:.*layers.(?:1|2).never",
        "re:model\\\\.layers\\\\.[12]\\\\.never",
        "model.layers.1*never"
      })
  void expressionsForBlocksByTheirNumbersAreRefused(String expression) throws IOException {
    made("fp8-block-bf16-qwen3", 0, 1, 1, 0);
    edit("\"lm_head\",", "\"lm_head\", \"" + expression + "\",");
    prune("--remove 1 --score influence")
        .isRefused(3, "modules_to_not_convert: expected no blocks by their numbers, which change");
  }

  @Test
  void keysThatNoPathHasAreLeftAlone() throws IOException {
    edit(
        "\"num_hidden_layers\"",
        "\"a.layers\": [1, 2, 3], \"a/layers\": [], \"num_hidden_layers\"");
    prune("--remove 1 --score angular").succeeds();
    assertThat(config().get("a.layers")).hasSize(3);
    verify().succeeds();
    made("fp8-block-bf16-qwen3", 0, 1, 1, 0);
    edit("\"modules_to_not", "\"a.b\": [\"model.layers.1.x\"], \"modules_to_not");
    prune("--remove 1 --score angular").isRefused(3, "quantization_config.a.b: expected no blocks");
  }

  /** A loader may take the numbers from a file that is copied. */
  @Test
  void numbersInAnotherFileAreRefused() throws IOException {
    source =
        TestData.copy(
            TestData.fixture("modelopt-fp8-llama-gqa").resolve("model"),
            directory.resolve("modelopt"));
    TestData.replace(
        source.resolve("hf_quant_config.json"),
        "\"lm_head\"",
        "\"lm_head\", \"model.layers.1.never\"");
    prune("--remove 1 --score influence")
        .isRefused(3, "hf_quant_config.json", "expected no blocks by their numbers");
  }

  @Test
  void blocksThatPredictSeveralTokensGo() {
    source = TestData.fixture("glm4_moe-mtp").resolve("model");
    prune("--remove 1 --score influence").succeeds();
    assertThat(config().get("num_nextn_predict_layers").asInt()).isZero();
    assertThat(TestData.bytes(output.resolve("model.safetensors")).keySet())
        .noneMatch(name -> name.matches("model.layers.[12]\\..*"));
    verify().succeeds();
  }

  /** What a description says by a block's number has to hold for the new one too. */
  @Test
  void familiesOfAFileAreKept() throws IOException {
    made("qwen3_next", 0, 1, 0, 1, 0, 1);
    Path family = directory.resolve("family.json");
    Files.copy(Path.of("src/test/resources/families/qwen3_next.json"), family);
    prune("--remove 1 --score influence --family %s", family)
        .isRefused(3, "whole periods of 2 blocks");
    prune("--remove 2 --family %s", family).succeeds();
    InProcess.line("verify --dense %s --pruned %s --family %s", source, output, family).succeeds();
  }

  /** The decoder of a model that sees has a config and names of its own. */
  @Test
  void decodersOfLargerModelsLoseBlocks() throws IOException {
    Path unused = made("qwen3", 0, 1, 1);
    ObjectNode text = (ObjectNode) TestData.json(source.resolve("config.json"));
    text.remove("architectures");
    text.put("model_type", "qwen3_vl_text");
    Files.writeString(
        source.resolve("config.json"),
        """
        {"architectures": ["Qwen3VLForConditionalGeneration"], "model_type": "qwen3_vl",
         "num_hidden_layers": 3, "vision_config": {"num_hidden_layers": 3, "layer_types": [1, 2, 3]},
         "text_config": %s}
        """
            .formatted(text));
    prune("--remove 1 --score angular").succeeds();
    JsonNode config = config();
    assertThat(config.get("num_hidden_layers").asInt()).isEqualTo(2);
    assertThat(config.at("/text_config/num_hidden_layers").asInt()).isEqualTo(2);
    assertThat(config.at("/text_config/layer_types")).hasSize(2);
    assertThat(config.at("/vision_config/num_hidden_layers").asInt()).isEqualTo(3);
    assertThat(config.at("/vision_config/layer_types")).hasSize(3);
    verify().succeeds();
  }
}
