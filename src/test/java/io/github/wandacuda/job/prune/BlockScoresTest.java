package io.github.wandacuda.job.prune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.ModuleBlock;
import io.github.wandacuda.system.Workers;
import io.github.wandacuda.testing.SafetensorsBytes;
import io.github.wandacuda.testing.TensorBytes;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BlockScoresTest {
  @TempDir Path directory;

  private static float[] norms(LinearModule module) {
    Random random = new Random(module.name().hashCode());
    float[] norms = new float[module.columns()];
    for (int column = 0; column < norms.length; column++) {
      norms[column] = random.nextFloat() * random.nextInt(20);
    }
    return norms;
  }

  private static List<BlockScores> scores(ModelDirectory model, int threads) {
    try (Workers workers = new Workers(threads)) {
      return BlockScores.of(ModuleBlock.of(model.modules()), BlockScoresTest::norms, workers);
    }
  }

  /** All scores of a block, as the definition has them. */
  private static double[] plain(ModuleBlock block) {
    return block.modules().stream()
        .flatMapToDouble(module -> Arrays.stream(plain(module)))
        .toArray();
  }

  private static double[] plain(LinearModule module) {
    byte[] bytes = TensorBytes.of(module.shard(), module.tensor());
    WeightMatrix weights = module.view(MemorySegment.ofArray(bytes));
    float[] norms = norms(module);
    double[] scores = new double[(int) module.elements()];
    for (int i = 0; i < scores.length; i++) {
      int column = i % module.columns();
      scores[i] = Math.abs(weights.get(i / module.columns(), column)) * norms[column];
    }
    return scores;
  }

  /** GPT-2's weights are stored transposed, the mixtures' blocks have routers, or one tensor. */
  @ParameterizedTest
  @ValueSource(strings = {"gpt2", "llama-gqa", "qwen2_moe", "granitemoe"})
  void areThoseOfTheDefinition(String family) {
    try (ModelDirectory model = ModelDirectory.open(TestData.fixture(family).resolve("model"))) {
      List<ModuleBlock> blocks = ModuleBlock.of(model.modules());
      List<BlockScores> scores = scores(model, 2);
      assertThat(scores).hasSameSizeAs(blocks).hasSizeGreaterThan(1);
      for (int block = 0; block < scores.size(); block++) {
        double[] plain = plain(blocks.get(block));
        double mean = Arrays.stream(plain).average().getAsDouble();
        long above = Arrays.stream(plain).filter(score -> score > 5 * mean).count();
        assertThat(scores.get(block).mean()).isCloseTo(mean, within(1e-12 * mean));
        assertThat(scores.get(block).outliers()).isEqualTo((double) above / plain.length);
        assertThat(above).isPositive();
      }
    }
  }

  @Test
  void haveTheSameBitsForAnyNumberOfThreads() {
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA)) {
      List<BlockScores> one = scores(model, 1);
      assertThat(one).hasSize(6);
      assertThat(scores(model, 3)).isEqualTo(one);
      assertThat(scores(model, 8)).isEqualTo(one);
    }
  }

  private ModelDirectory model(String family, float... weights) throws IOException {
    Files.writeString(
        directory.resolve("config.json"), "{\"model_type\": \"%s\"}".formatted(family));
    new SafetensorsBytes()
        .f32("h.0.mlp.c_fc.weight", weights, 2, weights.length / 2)
        .write(directory.resolve("model.safetensors"));
    return ModelDirectory.open(directory);
  }

  private static List<BlockScores> scores(ModelDirectory model, float... norms) {
    try (Workers workers = new Workers(1)) {
      return BlockScores.of(ModuleBlock.of(model.modules()), module -> norms, workers);
    }
  }

  /** Of 16 scores with mean 1, one is 5 times the mean, which is not above it. */
  @Test
  void anOutlierIsAboveFiveTimesTheMean() throws IOException {
    float[] weights = new float[16];
    weights[3] = -5;
    weights[12] = 11;
    float[] ones = {1, 1, 1, 1, 1, 1, 1, 1};
    try (ModelDirectory model = model("llama", weights)) {
      assertThat(scores(model, ones)).containsExactly(new BlockScores(1, 1 / 16.0));
    }
  }

  @Test
  void namesAWeightThatIsNotFinite() throws IOException {
    float[] weights = {0, 1, 2, 3, 4, Float.NaN};
    try (ModelDirectory model = model("llama", weights)) {
      assertThatThrownBy(() -> scores(model, 1, 1, 1))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("h.0.mlp.c_fc.weight: expected finite weights")
          .hasMessageContaining("NaN at row 1, column 2");
    }
    try (ModelDirectory model = model("gpt2", weights)) {
      assertThatThrownBy(() -> scores(model, 1, 1)).hasMessageContaining("NaN at row 2, column 1");
    }
  }

  @Test
  void refusesScoresBeyondFloat32() throws IOException {
    try (ModelDirectory model = model("llama", 1e30f, 0, 0, 0)) {
      assertThatThrownBy(() -> scores(model, 1e30f, 1))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("expected scores that float32 holds");
    }
  }

  @Test
  void refusesTooFewNorms() throws IOException {
    try (ModelDirectory model = model("llama", 0, 1, 2, 3)) {
      assertThatIllegalArgumentException().isThrownBy(() -> scores(model, 1f));
    }
  }
}
