package io.github.wandacuda.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockChoice;
import io.github.wandacuda.calibration.BlockScore;
import io.github.wandacuda.calibration.Perplexity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.testing.Blocks;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Tier;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Blocks' scores on a backend, and models without some, against a reference in float64. */
abstract class BlocksParity extends OneBackend {
  private static final JsonNode DEPTH =
      TestData.json(TestData.STRUCTURED.resolve("tiny-llama.json")).get("depth");
  private static final List<int[]> SAMPLES =
      TestData.tokens(TestData.GOLDEN.resolve("calibration.json")).subList(0, 64);

  private final double tolerance;

  /** Takes a backend; scores may differ by a tolerance, relatively. */
  BlocksParity(Supplier<Backend> device, double tolerance) {
    super(device, 0);
    this.tolerance = tolerance;
  }

  private <T> T choose(List<int[]> samples, int together, Function<BlockChoice, T> choice) {
    try (ModelDirectory model = ModelDirectory.open(TestData.TINY_LLAMA);
        Decoder decoder = DecoderFamilies.open(model, backend().operations())) {
      return choice.apply(new BlockChoice(decoder, samples, 1, together, Progress.NONE));
    }
  }

  private List<Integer> chosen(List<int[]> samples, BlockScore score, int count, int together) {
    return choose(samples, together, choice -> choice.choose(score, count).blocks());
  }

  private void checkScores(double[] found, JsonNode expected) {
    assertThat(found).hasSize(expected.size());
    for (int at = 0; at < found.length; at++) {
      double score = expected.get(at).doubleValue();
      assertThat(found[at]).as("block %d", at).isCloseTo(score, within(tolerance * score));
    }
  }

  private static List<Integer> first(JsonNode order, int count) {
    return order.valueStream().limit(count).map(JsonNode::asInt).toList();
  }

  @Test
  void influenceIsTheReferences() {
    checkScores(choose(SAMPLES, 1, BlockChoice::influence), DEPTH.get("block_influence"));
    JsonNode order = DEPTH.get("orders").get("block_influence_once");
    assertThat(chosen(SAMPLES, BlockScore.INFLUENCE, 5, 1)).isEqualTo(first(order, 5));
  }

  @FirstCases
  @ParameterizedTest
  @ValueSource(ints = {2, 1, 3})
  void anglesAreTheReferences(int count) {
    String key = Integer.toString(count);
    checkScores(
        choose(SAMPLES, 1, all -> all.angles(count)),
        DEPTH.get("angular_distance_last_token").get(key));
    int start = DEPTH.get("angular_start").get(key).asInt();
    assertThat(chosen(SAMPLES, BlockScore.ANGULAR, count, 1))
        .isEqualTo(List.of(start, start + 1, start + 2).subList(0, count));
  }

  /** Trials give the same however many run side by side. */
  @FirstCases
  @ParameterizedTest
  @ValueSource(ints = {2, 1, 9})
  void theLossChoosesAsTheReference(int together) {
    JsonNode order = DEPTH.get("orders").get("perplexity_greedy_ends_kept");
    List<int[]> samples = SAMPLES.subList(0, 16);
    assertThat(chosen(samples, BlockScore.LOSS, 3, together)).isEqualTo(first(order, 3));
  }

  @Test
  void smallerModelsAreTheReferences(@TempDir Path directory) {
    List<int[]> evaluation = TestData.tokens(TestData.GOLDEN.resolve("evaluation.json"));
    DEPTH
        .get("perplexity_without")
        .propertyStream()
        .map(Map.Entry::getKey)
        .limit(Tier.isAll() ? Long.MAX_VALUE : 3)
        .forEach(
            set -> {
              List<Integer> gone = Stream.of(set.split(",")).map(Integer::valueOf).toList();
              Path output = Blocks.remove(TestData.TINY_LLAMA, directory.resolve(set), gone);
              double expected = DEPTH.get("perplexity_without").get(set).doubleValue();
              try (ModelDirectory model = ModelDirectory.open(output);
                  Decoder decoder = DecoderFamilies.open(model, backend().operations())) {
                double found = Perplexity.of(decoder, evaluation, Progress.NONE);
                assertThat(found)
                    .as("without %s", set)
                    .isCloseTo(expected, within(1e-4 * expected));
              }
            });
  }
}
