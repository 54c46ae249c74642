package io.github.wandacuda.pruning.mask;

import static io.github.wandacuda.pruning.Choosers.HALF;
import static io.github.wandacuda.pruning.Choosers.pruned;
import static io.github.wandacuda.pruning.fit.LayerCase.matrix;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.DType;
import io.github.wandacuda.Mask;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.pruning.Choosers;
import io.github.wandacuda.system.Workers;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.selection.GoldenMasks;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The search for the level that rows share. */
class WandaVariantMaskTest {
  private static Mask choose(int threads, WeightMatrix weights, float[] norms, Sparsity sparsity) {
    return Choosers.choose(
        (workers, buffers) -> new WandaVariantMask(workers)::choose,
        threads,
        weights,
        norms,
        sparsity);
  }

  private static Mask choose(WeightMatrix weights, Sparsity sparsity) {
    float[] ones = new float[weights.columns()];
    Arrays.fill(ones, 1);
    return choose(1, weights, ones, sparsity);
  }

  /** Worked out by hand. */
  @Test
  void theFirstLevelDoes() {
    WeightMatrix weights =
        matrix(
            new float[] {.5f, -.2f, .3f, .1f},
            new float[] {1, .9f, -.4f, .25f},
            new float[] {-.6f, .05f, .8f, -.7f});
    float[] norms = {3.872983f, 3.316625f, 2.645751f, 3.316625f};
    assertThat(pruned(choose(1, weights, norms, HALF))).isEqualTo("0101 0011 0110");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void masksAreThoseOfTheOriginalCode(int threads) {
    GoldenMasks golden =
        GoldenMasks.read(
            TestData.TINY_LLAMA,
            TestData.GOLDEN.resolve("wanda-variant-50.masks.safetensors"),
            false);
    long different = 0;
    long elements = 0;
    long pruned = 0;
    for (String module : new TreeMap<>(golden.masks()).keySet()) {
      WeightMatrix weight = golden.weights().get(module);
      float[] norms =
          TestData.floats(
              TestData.GOLDEN.resolve("wanda-variant-50.statistics.safetensors"),
              module + ".input_norm");
      Mask mask = choose(threads, weight, norms, HALF);
      byte[] expected = golden.masks().get(module);
      for (int at = 0; at < expected.length; at++) {
        int bits = mask.bits().get(ValueLayout.JAVA_BYTE, at);
        different += Integer.bitCount((bits ^ expected[at]) & 0xff);
      }
      elements += weight.elements();
      pruned += mask.pruned();
    }
    assertThat(elements).isEqualTo(1_105_920);
    assertThat(different).isZero();
    assertThat((double) pruned / elements).isEqualTo(0.5, within(0.001));
  }

  /** Each row has one weight more than 0.8 of its sum, which alone is more than any level. */
  @Test
  void moreThanTheHighestLevelIsNotPruned() {
    WeightMatrix weights = matrix(new float[] {1, 99}, new float[] {2, 98});
    assertThat(pruned(choose(weights, new Sparsity.Ratio(0.99)))).isEqualTo("10 10");
  }

  /**
   * At 0.4 seven of the eight are pruned, at 0.2 none of the first row, whose weights are alike.
   */
  @Test
  void aRowWhoseLowestScoreIsAboveTheLevelIsKept() {
    WeightMatrix weights = matrix(new float[] {1, 1, 1, 1}, new float[] {1, 1, 1, 97});
    assertThat(pruned(choose(weights, new Sparsity.Ratio(0.375)))).isEqualTo("0000 1110");
  }

  /** Two of the four come up to 0.4 of the sum. */
  @Test
  void scoresThatTieWithTheThresholdArePruned() {
    WeightMatrix weights = matrix(new float[] {3, 3, 3, 3, 8});
    assertThat(pruned(choose(weights, new Sparsity.Ratio(0.8)))).isEqualTo("11110");
  }

  /** They count too, or the search would take a share for reached that is exceeded. */
  @Test
  void whatTiesWithTheThresholdCounts() {
    WeightMatrix weights =
        WeightMatrix.of(
            MemorySegment.ofArray(new float[] {1, 1, 1, 1, 1, 2, 3, 4}), DType.F32, 2, 4);
    try (Workers workers = new Workers(1);
        Arena arena = Arena.ofShared()) {
      WandaVariantMask.SortedScores sorted =
          WandaVariantMask.SortedScores.of(weights, new float[] {1, 1, 1, 1}, workers, arena);
      // 1.2 of 4 is one weight and its three equals, 3 of 10 two weights.
      assertThat(sorted.prune(0.3)).isEqualTo(6 / 8.0);
      assertThat(sorted.thresholds).containsExactly(1, 2);
    }
  }

  @Test
  void aRowOfZerosIsPrunedWhole() {
    WeightMatrix weights = matrix(new float[] {0, -0.0f, 0}, new float[] {1, 1, 100});
    assertThat(pruned(choose(weights, new Sparsity.Ratio(5.0 / 6)))).isEqualTo("111 110");
  }

  @Test
  void aScoreBeyondFloat32IsAHighOne() {
    WeightMatrix weights = matrix(new float[] {3e38f, 1, 2, 3e38f});
    assertThat(pruned(choose(1, weights, new float[] {4, 4, 4, 4}, HALF))).isEqualTo("0110");
  }

  @Test
  void aTransposedMatrixHasTheSameMask() {
    WeightMatrix weights =
        matrix(new float[] {.1f, 5, .2f}, new float[] {9, .3f, .1f}, new float[] {.1f, .2f, 8});
    float[] norms = {1, 2, 3};
    Mask ofRows = choose(1, weights, norms, HALF);
    float[] turned = {.1f, 9, .1f, 5, .3f, .2f, .2f, .1f, 8};
    WeightMatrix stored =
        matrix(
            Arrays.copyOfRange(turned, 0, 3),
            Arrays.copyOfRange(turned, 3, 6),
            Arrays.copyOfRange(turned, 6, 9));
    assertThat(pruned(choose(2, stored.transposed(), norms, HALF))).isEqualTo(pruned(ofRows));
  }
}
