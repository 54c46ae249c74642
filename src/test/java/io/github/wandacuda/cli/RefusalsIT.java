package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Bad requests and bad input: one line, the right exit code, and nothing that looks like a model.
 */
class RefusalsIT {
  private static final Path MODEL = TestData.TINY_LLAMA;
  private static final Path STATISTICS = TestData.GOLDEN.resolve("wanda-50.statistics.safetensors");

  @TempDir Path directory;

  private Path output() {
    return directory.resolve("out");
  }

  private Path broken() {
    return TestData.copy(MODEL, directory.resolve("model"));
  }

  private void assertRefused(int exitCode, Cli.Result result, String... said) {
    assertThat(result.exitCode()).as(result.err()).isEqualTo(exitCode);
    assertThat(result.errorLines().stream().filter(line -> line.startsWith("wanda-cuda: ")))
        .as(result.err())
        .singleElement()
        .asString()
        .contains(said);
    assertThat(result.err()).doesNotContain("\tat ", "Exception");
    assertThat(result.out()).isEmpty();
    assertThat(output().resolve("config.json")).doesNotExist();
    assertThat(output().resolve("wanda-cuda.json")).doesNotExist();
  }

  private Cli.Result prune(Path model, Object... more) {
    List<Object> arguments =
        new ArrayList<>(List.of("prune", "--model", model, "--output", output(), "--quiet"));
    arguments.addAll(Arrays.asList(more));
    return Cli.run(arguments.toArray());
  }

  private Cli.Result pruneByStatistics(Path model) {
    return prune(model, "--statistics", STATISTICS);
  }

  @Test
  void wandaNeedsNorms() {
    assertRefused(2, prune(MODEL), "--calibration", "--statistics");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--sparsity 1",
        "--sparsity -0.1",
        "--sparsity nan",
        "--sparsity half",
        "--pattern 4:4",
        "--pattern 5:4",
        "--pattern 2of4",
        "--sparsity 0.5 --pattern 2:4",
        "--method obs",
        "--no-such-option",
        "--include no_such_module",
        "--exclude no_such_module",
        "--include (",
        "--unreached drop",
        "--in-place",
        "--yes",
        "--report report.pdf",
        "--threads 0",
        "--device first",
        "--calibration testdata/text/calibration.txt"
      })
  void requestsThatMakeNoSense(String options) {
    List<Object> arguments = new ArrayList<>(List.of("--statistics", STATISTICS));
    arguments.addAll(Arrays.asList((Object[]) options.split(" ", -1)));
    assertRefused(2, prune(MODEL, arguments.toArray()), "");
  }

  @Test
  void noCommandOrAnUnknownOne() {
    assertRefused(2, Cli.run(), "--help");
    assertRefused(2, Cli.run("prnue"), "prnue");
  }

  @Test
  void backendsThatArentThere() {
    assertRefused(4, prune(MODEL, "--statistics", STATISTICS, "--backend", "cuda"), "cuda");
    assertRefused(
        4, prune(MODEL, "--statistics", STATISTICS, "--backend", "cpu", "--device", 7), "7");
  }

  @Test
  void aTruncatedShard() throws IOException {
    Path model = broken();
    Path shard = model.resolve("model-00002-of-00003.safetensors");
    try (RandomAccessFile file = new RandomAccessFile(shard.toFile(), "rw")) {
      file.setLength(file.length() / 2);
    }
    assertRefused(3, pruneByStatistics(model), shard.toString());
  }

  @Test
  void aHeaderLengthThatIsWrong() throws IOException {
    Path model = broken();
    Path shard = model.resolve("model-00001-of-00003.safetensors");
    try (RandomAccessFile file = new RandomAccessFile(shard.toFile(), "rw")) {
      file.writeLong(-1);
    }
    assertRefused(3, pruneByStatistics(model), shard.toString(), "header");
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
  void aMissingModelOrConfig() throws IOException {
    assertRefused(3, pruneByStatistics(directory.resolve("nowhere")), "nowhere");
    Path model = broken();
    Files.writeString(model.resolve("config.json"), "{\"architectures\": ");
    assertRefused(3, pruneByStatistics(model), "config.json");
    Files.delete(model.resolve("config.json"));
    assertRefused(3, pruneByStatistics(model), "config.json");
  }

  @Test
  void aTextShorterThanASample() throws IOException {
    Path text = Files.writeString(directory.resolve("short.txt"), "A few words.");
    assertRefused(3, prune(MODEL, "--calibration", text), text.toString());
    assertRefused(
        3, Cli.run("perplexity", "--model", MODEL, "--text", text, "--quiet"), text.toString());
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
  void listsOfUnequalLength() throws IOException {
    Path lists = Files.writeString(directory.resolve("lists.json"), "[[1, 2, 3], [4, 5]]");
    assertRefused(3, prune(MODEL, "--calibration", lists), lists.toString());
  }

  @Test
  void statisticsOfAnotherModel() {
    Path statistics = TestData.fixture("llama-mha").resolve("dense.statistics.safetensors");
    assertRefused(3, prune(MODEL, "--statistics", statistics), statistics.toString(), "input_norm");
  }

  @Test
  void anOutputThatCantBeMade() throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "");
    assertRefused(
        6,
        Cli.run(
            "prune",
            "--model",
            MODEL,
            "--statistics",
            STATISTICS,
            "--quiet",
            "--output",
            file.resolve("out")),
        file.toString());
  }

  @Test
  void anOutputThatIsNotEmpty() throws IOException {
    Files.createDirectories(output());
    Files.writeString(output().resolve("mine"), "");
    assertRefused(2, pruneByStatistics(MODEL), "not empty");
    assertThat(output().resolve("mine")).exists();
  }

  @Test
  void verboseShowsWhere() {
    Cli.Result result = Cli.run("inspect", "--model", directory.resolve("nowhere"), "--verbose");
    assertThat(result.exitCode()).isEqualTo(3);
    assertThat(result.err()).contains("\tat io.github.wandacuda");
  }

  @Test
  void anErrorIsAnObjectWithJson() throws IOException {
    Path model = broken();
    Path shard = model.resolve("model-00001-of-00003.safetensors");
    String bytes = Files.readString(shard, StandardCharsets.ISO_8859_1);
    Files.writeString(shard, bytes.replace("[128,352]", "[-28,352]"), StandardCharsets.ISO_8859_1);
    Cli.Result result = Cli.run("inspect", "--model", model, "--json");
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
