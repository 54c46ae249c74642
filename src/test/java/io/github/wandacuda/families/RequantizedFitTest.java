package io.github.wandacuda.families;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.job.verify.Verifier;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.model.removal.ExpertRemoval;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.pruning.recipe.Structure.Update;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.Smaller;
import io.github.wandacuda.testing.TestData;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Fits of quantized mixtures that lost experts, rounded to their own codes. */
class RequantizedFitTest {
  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource({
    "fp8-block-e8m0-mixtral, 2",
    "fp8-block-deepseek_v3, 4",
    "mxfp4-gpt_oss, 3",
    "modelopt-nvfp4-mixtral, 1"
  })
  void whatIsLeftComesNearerToTheDenseModel(String fixture, int count) {
    List<int[]> samples = TestData.tokens(TestData.fixture(fixture).resolve("tokens.json"));
    try (Backend backend = Pruning.cpu(2);
        ModelDirectory model = ModelDirectory.open(TestData.fixture(fixture).resolve("model"))) {
      ExpertRemoval experts = new ExpertRemoval(model);
      var gone = experts.lowest(count, router -> new float[experts.size()]);
      double[] distances = new double[2];
      for (Update update : List.of(Update.NONE, Update.REALIGN)) {
        Path output = directory.resolve(update.label());
        var unused =
            Smaller.remove(
                model, output, Structure.EXPERTS, "reap", update, gone, samples, backend);
        assertThat(Verifier.verify(model, output, Verifier.Claim.NONE, 2, Progress.NONE).failures())
            .isEmpty();
        try (ModelDirectory smaller = ModelDirectory.open(output)) {
          for (int[] tokens : samples) {
            distances[update == Update.NONE ? 0 : 1] +=
                distance(logits(model, backend, tokens), logits(smaller, backend, tokens));
          }
        }
      }
      assertThat(distances[1]).isLessThan(0.9 * distances[0]);
    }
  }

  private static double distance(float[] one, float[] other) {
    double sum = 0;
    for (int at = 0; at < one.length; at++) {
      sum += Math.pow(one[at] - other[at], 2);
    }
    return sum;
  }

  private static float[] logits(ModelDirectory model, Backend backend, int[] tokens) {
    try (Decoder decoder = DecoderFamilies.open(model, backend.operations())) {
      return ModelChecks.logits(decoder, tokens);
    }
  }
}
