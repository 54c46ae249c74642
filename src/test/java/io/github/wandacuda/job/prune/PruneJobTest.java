package io.github.wandacuda.job.prune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.Unreached;
import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PruneJobTest {
  private static final Calibration STATISTICS =
      Pruning.statistics(TestData.GOLDEN.resolve("wanda-50.statistics.safetensors"));
  private static final Sparsity HALF = new Sparsity.Ratio(0.5);

  @TempDir Path directory;

  private Path output() {
    return directory.resolve("out/deep");
  }

  private Path model(SafetensorsBytes weights) throws IOException {
    Path model = Files.createDirectory(directory.resolve("model"));
    Files.writeString(model.resolve("config.json"), "{\"model_type\": \"any\"}");
    weights.write(model.resolve("model.safetensors"));
    return model;
  }

  private RunResult prune(Path model, Method method, Sparsity sparsity, Calibration norms) {
    return Pruning.prune(model, output(), method, sparsity, norms);
  }

  private RunResult prune(Sparsity sparsity) {
    return prune(TestData.TINY_LLAMA, Method.WANDA, sparsity, STATISTICS);
  }

  private void assertNothingLeft() {
    assertThat(Files.exists(directory.resolve("out"))).isFalse();
  }

  @Test
  void theOutputIsTheSourceWithWeightsZeroed() throws IOException {
    Path model = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    Files.createDirectories(model.resolve("assets/more"));
    Files.writeString(model.resolve("assets/more/notes.txt"), "notes");
    Files.writeString(model.resolve("pytorch_model.bin"), "weights that no safetensors file has");
    Files.createDirectories(output());
    prune(model, Method.WANDA, HALF, STATISTICS);

    assertThat(TestData.names(output()))
        .containsExactly(
            """
            assets config.json generation_config.json model-00001-of-00003.safetensors
            model-00002-of-00003.safetensors model-00003-of-00003.safetensors
            model.safetensors.index.json special_tokens_map.json tokenizer.json
            tokenizer_config.json wanda-cuda.json\
            """
                .split("\\s+"));
    assertThat(output().resolve("assets/more/notes.txt")).hasContent("notes");
    for (String shard : List.of("1", "2", "3")) {
      String name = "model-0000" + shard + "-of-00003.safetensors";
      assertThat(header(output().resolve(name))).isEqualTo(header(model.resolve(name)));
    }
  }

  private static byte[] header(Path shard) throws IOException {
    byte[] bytes = Files.readAllBytes(shard);
    long length = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    return Arrays.copyOf(bytes, 8 + Math.toIntExact(length));
  }

  @Test
  void theRecordHoldsNothingThatDiffersBetweenEqualRuns() throws IOException {
    Path one = directory.resolve("one");
    Path other = directory.resolve("other");
    Pruning.prune(TestData.TINY_LLAMA, one, Method.WANDA, HALF, STATISTICS);
    Pruning.prune(
        TestData.copy(TestData.TINY_LLAMA, directory.resolve("elsewhere")),
        other,
        Method.WANDA,
        HALF,
        STATISTICS);
    assertThat(one.resolve("wanda-cuda.json"))
        .hasSameTextualContentAs(other.resolve("wanda-cuda.json"));
    var record = TestData.json(one.resolve("wanda-cuda.json"));
    assertThat(record.get("method").asText()).isEqualTo("wanda");
    assertThat(record.get("sparsity").doubleValue()).isEqualTo(0.5);
    assertThat(record.get("modules")).hasSize(42);
    assertThat(record.get("mask_sha256").asText())
        .isEqualTo("0f724a91769ca539b4ffb4cc4501317eb27350971888b48f9d9b4c17ca2d208c");
  }

  @Test
  void anOutputThatIsNotEmptyIsLeftAlone() throws IOException {
    Files.createDirectories(output());
    Files.writeString(output().resolve("precious"), "mine");
    assertThatThrownBy(() -> prune(HALF))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("not empty");
    assertThat(TestData.names(output())).containsExactly("precious");
  }

  @Test
  void theOutputCantBeInsideTheModel() {
    Path model = TestData.copy(TestData.TINY_LLAMA, directory.resolve("model"));
    assertThatThrownBy(
            () -> Pruning.prune(model, model.resolve("pruned"), Method.WANDA, HALF, STATISTICS))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("inside the model");
  }

  @Test
  void aFileInTheOutputsPlaceIsLeftAlone() throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "mine");
    assertThatThrownBy(
            () -> Pruning.prune(TestData.TINY_LLAMA, file, Method.WANDA, HALF, STATISTICS))
        .isInstanceOf(UsageException.class);
    assertThatThrownBy(
            () ->
                Pruning.prune(
                    TestData.TINY_LLAMA, file.resolve("below"), Method.WANDA, HALF, STATISTICS))
        .isInstanceOf(OutputException.class);
    assertThat(file).hasContent("mine");
  }

  @Test
  void aWeightThatIsNotANumberIsNamedAndNothingIsLeft() throws IOException {
    float[] weights = new float[6 * 8];
    Arrays.fill(weights, 1);
    weights[5 * 8 + 2] = Float.NEGATIVE_INFINITY;
    Path model = model(new SafetensorsBytes().f32("layers.0.q.weight", weights, 6, 8));
    for (Sparsity sparsity : List.of(HALF, new Sparsity.GroupPattern(2, 4))) {
      assertThatThrownBy(() -> prune(model, Method.MAGNITUDE, sparsity, new Calibration.None()))
          .isInstanceOf(InputException.class)
          .hasMessageContainingAll(
              "model.safetensors", "layers.0.q.weight", "row 5, column 2", "-Infinity");
      assertNothingLeft();
    }
  }

  @Test
  void columnsThatDontFallIntoGroupsAreNamedUnlessExcluded() {
    Sparsity pattern = new Sparsity.GroupPattern(2, 5);
    assertThatThrownBy(() -> prune(pattern))
        .isInstanceOf(InputException.class)
        .hasMessageContainingAll("mlp.down_proj", "352", "2:5", "this one fits no module");
    assertNothingLeft();
    Sparsity eleven = new Sparsity.GroupPattern(4, 11);
    assertThatThrownBy(() -> prune(eleven))
        .isInstanceOf(InputException.class)
        .hasMessageContainingAll("mlp.gate_proj", "128", "4:11", "`exclude`")
        .hasMessageContaining("model.layers.\\d+.mlp.gate_proj|");
    assertNothingLeft();
    PruneRequest request =
        Pruning.request(
            output(),
            Method.WANDA,
            eleven,
            new ModuleChoice(List.of(Pattern.compile("down_proj")), List.of()),
            STATISTICS,
            true,
            false,
            Unreached.MAGNITUDE);
    assertThat(Pruning.prune(TestData.TINY_LLAMA, request, 2).provenance().pruned())
        .isEqualTo(6 * 128 * 352 / 11 * 4);
  }

  @Test
  void statisticsMustFitTheModel() throws IOException {
    Path model = model(new SafetensorsBytes().f32("layers.0.q.weight", 2, 4));
    Path missing =
        new SafetensorsBytes()
            .metadata("format", "wanda-cuda.statistics.v1")
            .f32("layers.1.q.input_norm", 4)
            .write(directory.resolve("missing"));
    Path wrongLength =
        new SafetensorsBytes()
            .metadata("format", "wanda-cuda.statistics.v1")
            .f32("layers.0.q.input_norm", 5)
            .write(directory.resolve("length"));
    assertThatThrownBy(() -> prune(model, Method.WANDA, HALF, Pruning.statistics(missing)))
        .isInstanceOf(InputException.class)
        .hasMessageContainingAll(missing.toString(), "layers.0.q.input_norm", "missing");
    assertThatThrownBy(() -> prune(model, Method.WANDA, HALF, Pruning.statistics(wrongLength)))
        .isInstanceOf(InputException.class)
        .hasMessageContainingAll(wrongLength.toString(), "layers.0.q.input_norm", "4", "5");
    assertNothingLeft();
  }

  @Test
  void aModuleThatNoSampleReachedGoesByMagnitude() throws IOException {
    float[] weights = {3, 1, -2, 4};
    Path model = model(new SafetensorsBytes().f32("layers.0.q.weight", weights, 1, 4));
    Path statistics =
        new SafetensorsBytes()
            .metadata("format", "wanda-cuda.statistics.v1")
            .f32("layers.0.q.input_norm", new float[4], 4)
            .write(directory.resolve("zeros"));
    prune(model, Method.WANDA, HALF, Pruning.statistics(statistics));
    assertThat(TestData.floats(output().resolve("model.safetensors"), "layers.0.q.weight"))
        .containsExactly(3, 0, 0, 4);
  }

  @Test
  void anUnknownArchitectureNeedsStatistics() throws IOException {
    Path model = model(new SafetensorsBytes().f32("layers.0.q.weight", 2, 4));
    assertThatThrownBy(
            () -> prune(model, Method.WANDA, HALF, Pruning.samples(List.of(new int[] {1, 2}))))
        .isInstanceOf(InputException.class)
        .hasMessageContainingAll("config.json", "any", "`statistics`");
    assertNothingLeft();
    prune(model, Method.MAGNITUDE, HALF, new Calibration.None());
    assertThat(output().resolve("wanda-cuda.json")).exists();
  }

  @Test
  void activationsThatOverflowAreNamed() {
    Path model =
        TestData.copy(TestData.fixture("llama-mha").resolve("model"), directory.resolve("m"));
    overflow(model.resolve("model.safetensors"), "model.layers.1.mlp.up_proj.weight");
    Calibration samples =
        Pruning.samples(TestData.tokens(TestData.fixture("llama-mha").resolve("tokens.json")));
    assertThatThrownBy(() -> prune(model, Method.WANDA, HALF, samples))
        .isInstanceOf(InputException.class)
        .hasMessageContainingAll("model.layers.1.mlp.down_proj", "column");
    assertNothingLeft();
  }

  /** Makes a tensor's weights so large that their sums overflow. */
  private static void overflow(Path file, String tensor) {
    try (SafetensorsFile shard = SafetensorsFile.open(file)) {
      TensorInfo info = shard.tensor(tensor).orElseThrow();
      ByteBuffer huge = ByteBuffer.allocate((int) info.bytes()).order(ByteOrder.LITTLE_ENDIAN);
      while (huge.hasRemaining()) {
        huge.putFloat(3e38f);
      }
      Damage.put(file, shard.dataOffset() + info.begin(), huge.array());
    }
  }

  @Test
  void floatOnesOfOtherTypesPassThrough() throws IOException {
    byte[] bytes = {1, 2, 3, 4, 5, 6};
    Path model =
        model(
            new SafetensorsBytes()
                .raw("layers.0.scales", "F8_E4M3", bytes, 2, 3)
                .f32("layers.0.q.weight", 2, 4)
                .raw("empty", "F64", new byte[0], 0)
                .raw("scalar", "I32", new byte[] {7, 0, 0, 0}));
    prune(model, Method.MAGNITUDE, HALF, new Calibration.None());
    assertThat(TestData.bytes(output().resolve("model.safetensors")).get("layers.0.scales"))
        .isEqualTo(bytes);
  }
}
