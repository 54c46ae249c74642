package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.testing.Smaller;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a trained mixture loses with its experts, by what they are chosen, and takes back. */
class TrainedMixtureTest {
  private static final Path MODEL = TestData.TINY_MIXTURE;
  private static final Path EVALUATION = MODEL.resolve("evaluation.json");
  private static final int BLOCKS = 4;
  private static final int EXPERTS = 16;
  private static final int DRAWS = 3;

  @TempDir Path directory;

  @Thorough
  @ParameterizedTest
  @ValueSource(doubles = {0.5, 0.25})
  void saliencyChoosesBetterAndFitsTakeBack(double share) {
    JsonNode compared =
        InProcess.line(
                "compare --model %s --calibration %s --text %s --sparsity %s --backend cpu"
                    + " --methods experts+none,experts+frequency+none,experts+realign --json",
                MODEL, MODEL.resolve("calibration.json"), EVALUATION, share)
            .succeeds()
            .json();
    double dense = compared.at("/dense/perplexity").asDouble();
    double saliency = compared.at("/runs/0/perplexity").asDouble();
    double frequency = compared.at("/runs/1/perplexity").asDouble();
    double fitted = compared.at("/runs/2/perplexity").asDouble();
    double random = random(share);
    String all =
        "dense %.3f, saliency %.3f, frequency %.3f, fitted %.3f, random %.3f"
            .formatted(dense, saliency, frequency, fitted, random);
    assertThat(saliency).as(all).isBetween(dense, Math.min(frequency, random));
    assertThat((saliency - fitted) / (saliency - dense)).as(all).isGreaterThanOrEqualTo(0.4);
  }

  /** Without the experts, the attention's fit alone gives 4.947 at 50 % and 6.014 at 70 %. */
  @Thorough
  @ParameterizedTest
  @CsvSource({"0.5, 4.945", "0.7, 5.75"})
  void gradientsFitEachExpert(double sparsity, double atMost) {
    JsonNode compared =
        InProcess.line(
                "compare --model %s --calibration %s --text %s --sparsity %s --backend cpu"
                    + " --methods wanda+realign,wanda+tune --json",
                MODEL, MODEL.resolve("calibration.json"), EVALUATION, sparsity)
            .succeeds()
            .json();
    double aligned = compared.at("/runs/0/perplexity").asDouble();
    double tuned = compared.at("/runs/1/perplexity").asDouble();
    assertThat(tuned).as("realign %.3f", aligned).isLessThan(Math.min(aligned, atMost));
  }

  /** Returns the mean perplexity without experts that lots choose. */
  private double random(double share) {
    double sum = 0;
    for (int draw = 0; draw < DRAWS; draw++) {
      Random random = new Random(draw);
      SortedMap<Integer, List<Integer>> gone = new TreeMap<>();
      for (int block = 0; block < BLOCKS; block++) {
        List<Integer> experts = new ArrayList<>(IntStream.range(0, EXPERTS).boxed().toList());
        Collections.shuffle(experts, random);
        gone.put(block, experts.stream().limit((int) (EXPERTS * share)).sorted().toList());
      }
      Path output = directory.resolve("random" + draw);
      sum +=
          InProcess.line(
                  "perplexity --model %s --tokens %s --backend cpu --json",
                  Smaller.without(MODEL, output, Structure.EXPERTS, gone), EVALUATION)
              .succeeds()
              .json()
              .get("perplexity")
              .asDouble();
    }
    return sum / DRAWS;
  }
}
