package io.github.wandacuda.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.DenseCalibration;
import io.github.wandacuda.calibration.ExpertScore;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.testing.TestData;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Experts' scores on a backend, against those of a reference in float64. */
abstract class ExpertsParity extends OneBackend {
  private static final Map<ExpertScore, String> NAMES =
      Map.of(
          ExpertScore.REAP, "reap",
          ExpertScore.FREQUENCY, "tokens",
          ExpertScore.EAN, "ean_sum",
          ExpertScore.WEIGHTED, "weighted_sum",
          ExpertScore.DROP, "drop_error");

  private final double tolerance;

  /** Takes a backend; scores may differ by a tolerance, relatively. */
  ExpertsParity(Supplier<Backend> device, double tolerance) {
    super(device, 0);
    this.tolerance = tolerance;
  }

  @ParameterizedTest
  @ValueSource(strings = {"mixtral", "qwen2_moe", "tiny-moe"})
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

  private Statistics calibrate(Path path, List<int[]> samples) {
    try (ModelDirectory model = ModelDirectory.open(path);
        Decoder decoder = DecoderFamilies.open(model, backend().operations())) {
      return DenseCalibration.run(
          decoder, backend().operations(), samples, List.of(ExpertScore.values()), Progress.NONE);
    }
  }
}
