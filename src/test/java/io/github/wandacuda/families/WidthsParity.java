package io.github.wandacuda.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Percentage.withPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Perplexity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.pruning.recipe.Structure.Update;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Smaller;
import io.github.wandacuda.testing.TestData;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Channels and heads that go, and what is fitted to the rest, against a reference in float64. */
abstract class WidthsParity extends OneBackend {
  private static final int SAMPLES = 64;

  WidthsParity(Supplier<Backend> device) {
    super(device, 0);
  }

  /**
   * A run of the reference.
   *
   * @param name in its file
   */
  record Run(String name, Structure structure, String score, Update update, int count) {}

  List<Run> runs() {
    return List.of(
        new Run(
            "channels 20 % greedy refit dense, attention too",
            Structure.CHANNELS, "greedy", Update.REALIGN, 70),
        new Run("one kv group wanda_sp refit own", Structure.HEADS, "wanda", Update.RECONSTRUCT, 1),
        new Run("channels 20 % wanda_sp", Structure.CHANNELS, "wanda", Update.NONE, 70),
        new Run(
            "channels 20 % wanda_sp refit own",
            Structure.CHANNELS, "wanda", Update.RECONSTRUCT, 70),
        new Run(
            "channels 20 % greedy refit own",
            Structure.CHANNELS, "greedy", Update.RECONSTRUCT, 70));
  }

  @FirstCases
  @ParameterizedTest
  @MethodSource("runs")
  void smallerModelsAreTheReferences(Run run, @TempDir Path directory) {
    JsonNode golden = golden(run.name());
    Path output = directory.resolve("out");
    boolean channels = run.structure() == Structure.CHANNELS;
    Smaller.of(
            TestData.TINY_LLAMA,
            output,
            run.structure(),
            run.score(),
            run.update(),
            run.count(),
            tokens("calibration.json").subList(0, SAMPLES),
            backend())
        .forEach(
            (block, gone) -> {
              List<Integer> others = new ArrayList<>(gone);
              golden
                  .get("removed")
                  .get(block + (channels ? ".ffn" : ".attention"))
                  .forEach(each -> others.remove((Object) each.asInt()));
              assertThat(gone).hasSize(run.count());
              assertThat(others).as("block %d", block).hasSizeLessThanOrEqualTo(channels ? 1 : 0);
            });
    try (ModelDirectory model = ModelDirectory.open(output);
        Decoder decoder = DecoderFamilies.open(model, backend().operations())) {
      double perplexity = Perplexity.of(decoder, tokens("evaluation.json"), Progress.NONE);
      assertThat(perplexity).isCloseTo(golden.get("perplexity").asDouble(), withPercentage(0.3));
    }
  }

  private static JsonNode golden(String run) {
    for (JsonNode one : TestData.json(TestData.structured("tiny-llama.json")).get("width")) {
      if (one.get("run").asText().equals(run)) {
        return one;
      }
    }
    throw new IllegalArgumentException(run);
  }

  private static List<int[]> tokens(String file) {
    return TestData.tokens(TestData.GOLDEN.resolve(file));
  }
}
