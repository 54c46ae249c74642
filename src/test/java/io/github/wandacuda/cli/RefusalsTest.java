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
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Bad input beyond the table of {@link WrongInputsIT}, the other forms of an error, and hints. */
class RefusalsTest {
  private static final Path MODEL = TestData.TINY_LLAMA;
  private static final Path STATISTICS = TestData.GOLDEN.resolve("wanda-50.statistics.safetensors");
  private static final Path TEXT = Path.of("testdata/text/heldout.txt");

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

  private static String refused(Object... words) {
    Ended result = InProcess.run(words);
    assertThat(result.exitCode()).as(result.err()).isBetween(2, 3);
    return result.err().strip();
  }

  private String pruned(Object... more) {
    Stream<Object> words =
        Stream.of("prune", "--model", TestData.TINY_LLAMA, "--output", directory.resolve("out"));
    return refused(Stream.concat(words, Stream.of(more)).toArray());
  }

  @ParameterizedTest
  @CsvSource({
    "1, '; that would leave no weight'", "1.0, '; that would leave no weight'",
    "100, '; that would leave no weight'", "100%, '; that would leave no weight'",
    "1.5, found 1.5", "50, '; write 0.5 for 50 %'",
    "2, '; write 0.02 for 2 %'", "1%, '; write 0.01 for 1 %'",
    "0.5%, '; write 0.005 for 0.5 %'", "150, found 150"
  })
  void aSparsityIsTakenForWhatWasMeant(String sparsity, String end) {
    assertThat(pruned("--sparsity", sparsity)).endsWith(end);
  }

  @Test
  void aMissingFileOfTheUsersIsNotToBeDownloaded() {
    Path none = directory.resolve("none.safetensors");
    assertThat(pruned("--statistics", none))
        .contains("none.safetensors")
        .doesNotContain("download");
    assertThat(pruned("--method", "masks", "--masks", none))
        .contains("none.safetensors")
        .doesNotContain("download");
  }

  @ParameterizedTest
  @CsvSource({"masks", "wnada"})
  void comparedMethodsAreThoseThatAreOffered(String method) {
    assertThat(
            refused(
                "compare",
                "--model",
                TestData.TINY_LLAMA,
                "--calibration",
                TEXT,
                "--text",
                TEXT,
                "--methods",
                method))
        .contains("expected one of wanda, magnitude, ria, wanda-variant, sparsegpt, found")
        .endsWith("found '%s'".formatted(method));
  }

  /** A cached model's folder stands for what its refs/main names, as in all commands. */
  @Test
  void aPlanKnowsTheCache() throws IOException {
    Path model = directory.resolve("models--org--tiny");
    Path snapshot = Files.createDirectories(model.resolve("snapshots/aaaa"));
    Files.createDirectories(model.resolve("refs"));
    Files.writeString(model.resolve("refs/main"), "aaaa");
    Files.copy(TestData.TINY_LLAMA.resolve("config.json"), snapshot.resolve("config.json"));
    Ended plan = InProcess.line("devices --plan h100 --model %s", model).succeeds();
    assertThat(refused("devices", "--plan", "h100", "--model", "nobody/nothing"))
        .contains("run 'hf download nobody/nothing' first");
  }
}
