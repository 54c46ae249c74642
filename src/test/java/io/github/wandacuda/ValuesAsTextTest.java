package io.github.wandacuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.wandacuda.library.Pruner;
import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;

/** What a debugger and a log show of the values that programs hold, and matrices in arrays. */
class ValuesAsTextTest {
  @Test
  void aMaskSaysWhatItKeeps() {
    Mask mask = Mask.allocate(2, 11);
    mask.set(1, 10, false);
    assertThat(mask).hasToString("Mask[2 x 11, 21 kept, 1 pruned]");
    Mask closed;
    try (Arena arena = Arena.ofConfined()) {
      closed = Mask.of(arena.allocate(4), 2, 11);
    }
    assertThat(closed).hasToString("Mask[2 x 11]");
  }

  @Test
  void matricesSayTheirShape() {
    WeightMatrix matrix = WeightMatrix.of(new float[] {1, 0, 2, 0, 0, 3}, 2, 3);
    assertThat(matrix).hasToString("WeightMatrix[2 x 3 F32]");
    assertThat(matrix.transposed()).hasToString("WeightMatrix[3 x 2 F32, strides 1 and 3]");
    assertThat(SparseMatrix.pack(matrix)).hasToString("SparseMatrix[2 x 3 F32, 3 stored]");
  }

  @Test
  void optionsSayWhatIsAskedFor() {
    assertThat(PruneOptions.DEFAULT.withMask(Mask.allocate(1, 1)).withCancellation(() -> false))
        .hasToString(
            "PruneOptions[mask Mask[1 x 1, 1 kept, 0 pruned], zero norms REJECT,"
                + " weights checked false, progress false, cancellation true]");
  }

  @Test
  void aMatrixInAnArrayIsPrunedThere() {
    float[] weights = {1, -2, 3, 4, 0.5f, -6, 7, 8, 99};
    WeightMatrix matrix = WeightMatrix.of(weights, 2, 4);
    try (Pruner pruner = Pruner.builder().backend("cpu").threads(1).open()) {
      assertThat(pruner).asString().startsWith("Pruner[cpu: ");
      pruner.prune(matrix, Criterion.wanda(new float[] {1, 1, 1, 1}), new Sparsity.Ratio(0.5));
    }
    assertThat(weights).containsExactly(0, 0, 3, 4, 0, 0, 7, 8, 99);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> WeightMatrix.of(weights, 2, 5))
        .withMessage("2 x 5 F32 needs 40 bytes, the memory has 36");
  }
}
