package io.github.wandacuda.pruning.mask;

import static io.github.wandacuda.pruning.Choosers.HALF;
import static io.github.wandacuda.pruning.Choosers.SCALAR;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.Mask;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.pruning.Choosers;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.selection.GoldenMasks;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** The masks of the original Wanda code, through the interface of those that choose. */
class TileMasksTest {
  private static void check(String run, boolean byNorms, Sparsity sparsity) {
    GoldenMasks golden =
        GoldenMasks.read(
            TestData.TINY_LLAMA, TestData.GOLDEN.resolve(run + ".masks.safetensors"), false);
    assertThat(golden.masks()).hasSize(42);
    golden
        .masks()
        .forEach(
            (module, expected) -> {
              WeightMatrix weights = golden.weights().get(module);
              Mask mask =
                  Choosers.choose(
                      (workers, buffers) ->
                          (matrix, norms, share, bits) -> {
                            TileMasks masks = new TileMasks(SCALAR, workers);
                            if (byNorms) {
                              masks.wanda(matrix, norms, share, 1 << 14, bits);
                            } else {
                              masks.magnitude(matrix, share, 1 << 14, bits);
                            }
                          },
                      2,
                      weights,
                      byNorms ? norms(run, module) : null,
                      sparsity);
              assertThat(mask.bits().toArray(ValueLayout.JAVA_BYTE)).as(module).isEqualTo(expected);
            });
  }

  private static float[] norms(String run, String module) {
    return TestData.floats(
        TestData.GOLDEN.resolve(run + ".statistics.safetensors"), module + ".input_norm");
  }

  @Test
  void rowsByWandasScores() {
    check("wanda-60", true, new Sparsity.Ratio(0.6));
  }

  @Test
  void groupsByWandasScores() {
    check("wanda-2of4", true, new Sparsity.GroupPattern(2, 4));
  }

  @Test
  void matricesByMagnitude() {
    check("magnitude-50", false, HALF);
  }
}
