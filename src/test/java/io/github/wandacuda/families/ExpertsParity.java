package io.github.wandacuda.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.data.Percentage.withPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.DenseCalibration;
import io.github.wandacuda.calibration.ExpertScore;
import io.github.wandacuda.calibration.Perplexity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.model.removal.ExpertRemoval;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.testing.Experts;
import io.github.wandacuda.testing.Smaller;
import io.github.wandacuda.testing.TestData;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Experts' scores on a backend, against those of a reference in float64. */
abstract class ExpertsParity extends OneBackend {
  private static final Map<ExpertScore, String> NAMES =
      Map.of(
          ExpertScore.REAP, "reap",
          ExpertScore.FREQUENCY, "tokens",
          ExpertScore.EAN, "ean_sum",
          ExpertScore.WEIGHTED, "weighted_sum",
          ExpertScore.DROP, "drop_error");

  private static final Map<String, ExpertScore> RULES =
      Map.of(
          "reap", ExpertScore.REAP,
          "frequency", ExpertScore.FREQUENCY,
          "ean_sum", ExpertScore.EAN,
          "weighted_sum", ExpertScore.WEIGHTED,
          "drop_error", ExpertScore.DROP);

  private final double tolerance;

  /** Takes a backend; scores may differ by a tolerance, relatively. */
  ExpertsParity(Supplier<Backend> device, double tolerance) {
    super(device, 0);
    this.tolerance = tolerance;
  }

  /** Returns what is tested: small models, since the mixtures run once more for each expert. */
  List<String> models() {
    return List.of("mixtral", "qwen2_moe");
  }

  @ParameterizedTest
  @MethodSource("models")
  void scoresAreTheReferences(String name) {
    Path folder = TestData.structured(name);
    JsonNode layers = TestData.json(TestData.STRUCTURED.resolve(name + ".json")).get("layers");
    Statistics found = calibrate(folder.resolve("model"), TestData.calibration(name));
    String router = name.equals("mixtral") ? "block_sparse_moe.gate" : "mlp.gate";
    for (JsonNode layer : layers) {
      String module = "model.layers.%d.%s".formatted(layer.get("layer").asInt(), router);
      NAMES.forEach(
          (score, key) -> {
            float[] scores = found.experts().get(score.tensor(module));
            assertThat(scores).as("%s of %s", score, module).hasSize(layer.get(key).size());
            for (int expert = 0; expert < scores.length; expert++) {
              double expected = layer.get(key).get(expert).doubleValue();
              assertThat((double) scores[expert])
                  .as("%s of %s, expert %d", score, module, expert)
                  .isCloseTo(expected, within(tolerance * expected));
            }
          });
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void smallerModelsAreTheReferences(String name, @TempDir Path directory) {
    Path path = TestData.structured(name).resolve("model");
    JsonNode expected = TestData.json(TestData.STRUCTURED.resolve(name + ".json"));
    Statistics found = calibrate(path, TestData.calibration(name));
    for (JsonNode run : expected.get("pruned")) {
      String rule = run.get("rule").asText();
      if (rule.equals("reap_softmax")) {
        continue;
      }
      double ratio = run.get("ratio").doubleValue();
      Path output = directory.resolve(rule + ratio);
      try (ModelDirectory model = ModelDirectory.open(path)) {
        ExpertRemoval experts = new ExpertRemoval(model);
        var removed =
            experts.lowest(
                experts.share(ratio, 0),
                router -> found.experts().get(RULES.get(rule).tensor(router)));
        removed.forEach(
            (block, gone) -> {
              List<Integer> kept = new ArrayList<>();
              run.get("kept").get(block.toString()).forEach(expert -> kept.add(expert.asInt()));
              assertThat(gone).as("%s %s of block %d", rule, ratio, block).isNotEmpty();
              assertThat(kept).doesNotContainAnyElementsOf(gone);
              assertThat(kept.size() + gone.size()).isEqualTo(experts.size());
            });
        Experts.remove(path, output, removed);
        if (run.has("perplexity_healed_once")) {
          Path healed = directory.resolve("healed" + ratio);
          Smaller.remove(
              model,
              healed,
              Structure.EXPERTS,
              rule,
              Structure.Update.REALIGN,
              removed,
              TestData.calibration(name),
              backend());
          assertThat(perplexity(name, healed))
              .isCloseTo(run.get("perplexity_healed_once").doubleValue(), withPercentage(0.3));
        }
      }
      checkSmaller(name, run, output);
    }
  }

  private double perplexity(String name, Path path) {
    try (ModelDirectory model = ModelDirectory.open(path);
        Decoder decoder = DecoderFamilies.open(model, backend().operations())) {
      return Perplexity.of(decoder, TestData.evaluation(name), Progress.NONE);
    }
  }

  private void checkSmaller(String name, JsonNode run, Path output) {
    double expected = run.get("perplexity").doubleValue();
    String logits = "reap-%.0f".formatted(100 * run.get("ratio").doubleValue());
    boolean all = run.get("rule").asText().equals("reap") && !name.equals("tiny-moe");
    try (ModelDirectory model = ModelDirectory.open(output);
        Decoder decoder = DecoderFamilies.open(model, backend().operations())) {
      assertThat(model.parameters()).isEqualTo(run.get("parameters").longValue());
      double perplexity = Perplexity.of(decoder, TestData.evaluation(name), Progress.NONE);
      assertThat(perplexity).as(output.toString()).isCloseTo(expected, within(1e-5 * expected));
      if (all) {
        float[] targets =
            TestData.floats(TestData.STRUCTURED.resolve(name + ".logits.safetensors"), logits);
        int at = 0;
        for (int[] tokens : TestData.evaluation(name)) {
          for (float found : ModelChecks.logits(decoder, tokens)) {
            assertThat((double) found).as("logit %d", at).isCloseTo(targets[at], within(2e-4));
            at++;
          }
        }
        assertThat(at).isEqualTo(targets.length);
      }
    }
  }

  private Statistics calibrate(Path path, List<int[]> samples) {
    try (ModelDirectory model = ModelDirectory.open(path);
        Decoder decoder = DecoderFamilies.open(model, backend().operations())) {
      return DenseCalibration.run(decoder, samples, List.of(ExpertScore.values()), Progress.NONE);
    }
  }
}
