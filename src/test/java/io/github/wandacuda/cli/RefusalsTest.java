package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Bad input beyond the table of {@link WrongInputsIT}, and the other forms of an error. */
class RefusalsTest {
  private static final Path MODEL = TestData.TINY_LLAMA;
  private static final Path STATISTICS = TestData.GOLDEN.resolve("wanda-50.statistics.safetensors");

  @TempDir Path directory;

  private Path output() {
    return directory.resolve("out");
  }

  private Path broken() {
    return TestData.copy(MODEL, directory.resolve("model"));
  }

  private void assertRefused(int exitCode, Ended result, String... said) {
    result.isRefused(exitCode, said);
    assertThat(result.err()).doesNotContain("\tat ", "Exception");
    assertThat(result.out()).isEmpty();
    assertThat(output().resolve("config.json")).doesNotExist();
    assertThat(output().resolve("wanda-cuda.json")).doesNotExist();
  }

  private Ended prune(Path model, Object... more) {
    return InProcess.line("prune --model %s --output %s --quiet", model, output(), more);
  }

  private Ended pruneByStatistics(Path model) {
    return prune(model, "--statistics", STATISTICS);
  }

  @Test
  void noCommandOrAnUnknownOne() {
    assertRefused(2, InProcess.run(), "--help");
    assertRefused(2, InProcess.run("prnue"), "prnue");
  }

  @Test
  void anIndexThatPointsOutside() throws IOException {
    Path model = broken();
    Path index = model.resolve("model.safetensors.index.json");
    Files.writeString(
        index, Files.readString(index).replace("model-00001", "../model/model-00001"));
    assertRefused(3, pruneByStatistics(model), index.toString(), "../model/");
  }

  @Test
  void aMissingTensor() throws IOException {
    Path model = Files.createDirectory(directory.resolve("small"));
    Files.copy(MODEL.resolve("config.json"), model.resolve("config.json"));
    new SafetensorsBytes()
        .f32("model.layers.0.self_attn.q_proj.weight", 128, 128)
        .write(model.resolve("model.safetensors"));
    assertRefused(
        3,
        prune(model, "--calibration", TestData.GOLDEN.resolve("calibration.json")),
        "small",
        "model.",
        "missing");
  }

  @Test
  void aTextShorterThanASample() throws IOException {
    Path text = Files.writeString(directory.resolve("short.txt"), "A few words.");
    assertRefused(3, prune(MODEL, "--calibration", text), text.toString());
    assertRefused(
        3, InProcess.line("perplexity --model %s --text %s --quiet", MODEL, text), text.toString());
  }

  @Test
  void aTokenizerThatDoesntFitTheVocabulary() throws IOException {
    Path model = broken();
    Path config = model.resolve("config.json");
    Files.writeString(
        config, Files.readString(config).replace("\"vocab_size\": 2048", "\"vocab_size\": 300"));
    assertRefused(
        3, prune(model, "--calibration", "testdata/text/calibration.txt"), "vocabulary", "300");
  }

  @Test
  void verboseShowsWhere() {
    InProcess.run("inspect", "--model", directory.resolve("nowhere"), "--verbose")
        .fails(3, "\tat io.github.wandacuda");
  }

  @Test
  void anErrorIsAnObjectWithJson() throws IOException {
    Path model = broken();
    Path shard = model.resolve("model-00001-of-00003.safetensors");
    String bytes = Files.readString(shard, StandardCharsets.ISO_8859_1);
    Files.writeString(shard, bytes.replace("[128,352]", "[-28,352]"), StandardCharsets.ISO_8859_1);
    Ended result = InProcess.run("inspect", "--model", model, "--json");
    assertThat(result.exitCode()).isEqualTo(3);
    JsonNode error = JsonMapper.builder().build().readTree(result.err());
    List<String> keys = new ArrayList<>();
    error.fieldNames().forEachRemaining(keys::add);
    assertThat(keys)
        .containsExactly("error", "file", "tensor", "expected", "found", "hint", "exit");
    assertThat(error.get("error").textValue()).startsWith(shard + ": tensor model.");
    assertThat(error.get("file").textValue()).isEqualTo(shard.toString());
    assertThat(error.get("tensor").textValue()).isEqualTo("model.layers.0.mlp.down_proj.weight");
    assertThat(error.get("expected").textValue()).startsWith("integers from 0 to ");
    assertThat(error.get("found").textValue()).isEqualTo("-28");
    assertThat(error.get("hint").isNull()).isTrue();
    assertThat(error.get("exit").intValue()).isEqualTo(3);
  }
}
