package io.github.wandacuda.prune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The library as another program uses it: its own weights, in its own memory, pruned where they
 * are.
 */
class PrunerTest {
  private Backend backend;
  private Pruner pruner;

  @BeforeEach
  void open() {
    backend = Backends.open(Backends.AUTO, 0, 2).backend();
    pruner = new Pruner(backend);
  }

  @AfterEach
  void close() {
    pruner.close();
    backend.close();
  }

  @Test
  void prunesAnArrayInPlace() {
    float[] weights = {3, -1, 2, 0.5f, -4, 5, -6, 7};
    WeightMatrix matrix = WeightMatrix.of(MemorySegment.ofArray(weights), DType.F32, 2, 4);
    float[] inputNorms = {1, 10, 1, 1};

    long pruned = pruner.wanda(matrix, inputNorms, new Sparsity.Ratio(0.5));

    assertThat(pruned).isEqualTo(4);
    assertThat(weights).containsExactly(3, -1, 0, 0, 0, 5, 0, 7);
  }

  @Test
  void prunesATensorInsideMemoryOfSomebodyElse() {
    int rows = 37;
    int columns = 96;
    int stride = 128;
    Random random = new Random(7);
    float[] norms = new float[columns];
    for (int column = 0; column < columns; column++) {
      norms[column] = random.nextFloat();
    }
    // Shared, because the pruner works on several threads.
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(2L * rows * stride);
      for (long i = 0; i < (long) rows * stride; i++) {
        memory.setAtIndex(
            ValueLayout.JAVA_SHORT, i, Float.floatToFloat16((float) random.nextGaussian()));
      }
      MemorySegment before = MemorySegment.ofArray(memory.toArray(ValueLayout.JAVA_BYTE));
      WeightMatrix view = new WeightMatrix(memory, DType.F16, rows, columns, stride, 1);
      assertThat(pruner.wanda(view, norms, new Sparsity.GroupPattern(2, 4)))
          .isEqualTo(rows * columns / 2);
      for (int row = 0; row < rows; row++) {
        assertThat(outside(memory, row, columns, stride))
            .as("what lies between the rows stays")
            .isEqualTo(outside(before, row, columns, stride));
      }
    }
  }

  private static byte[] outside(MemorySegment memory, int row, int columns, int stride) {
    return memory
        .asSlice(2L * (row * stride + columns), 2L * (stride - columns))
        .toArray(ValueLayout.JAVA_BYTE);
  }

  @Test
  void magnitudeTakesAllUpToTheSortedOneAtTheIndex() {
    Random random = new Random(3);
    float[] weights = new float[50 * 40];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = Math.round(random.nextGaussian() * 20) / 8f;
    }
    float[] sorted = new float[weights.length];
    for (int i = 0; i < weights.length; i++) {
      sorted[i] = Math.abs(weights[i]);
    }
    Arrays.sort(sorted);
    float threshold = sorted[(int) Math.floor(weights.length * 0.37)];
    float[] expected = weights.clone();
    int count = 0;
    for (int i = 0; i < expected.length; i++) {
      if (Math.abs(expected[i]) <= threshold) {
        expected[i] = 0;
        count++;
      }
    }
    WeightMatrix matrix = WeightMatrix.of(MemorySegment.ofArray(weights), DType.F32, 50, 40);
    assertThat(pruner.magnitude(matrix, new Sparsity.Ratio(0.37))).isEqualTo(count);
    assertThat(weights).isEqualTo(expected);
  }

  @Test
  void magnitudeFindsAThresholdThatDiffersInItsLowestBits() {
    float[] weights = new float[64];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = Float.intBitsToFloat(0x3f800000 + (i * 29) % 64);
    }
    WeightMatrix matrix = WeightMatrix.of(MemorySegment.ofArray(weights), DType.F32, 8, 8);
    assertThat(pruner.magnitude(matrix, new Sparsity.Ratio(0.25))).isEqualTo(17);
  }

  @Test
  void namesAWeightThatIsNotFinite() {
    float[] weights = new float[300 * 8];
    Arrays.fill(weights, 1);
    weights[222 * 8 + 3] = Float.NaN;
    WeightMatrix matrix = WeightMatrix.of(MemorySegment.ofArray(weights), DType.F32, 300, 8);
    assertThatThrownBy(() -> pruner.magnitude(matrix, new Sparsity.GroupPattern(1, 4)))
        .isInstanceOfSatisfying(
            NonFiniteWeightException.class,
            e -> {
              assertThat(e.row()).isEqualTo(222);
              assertThat(e.column()).isEqualTo(3);
            });
  }

  @Test
  void refusesNormsThatDontFit() {
    WeightMatrix matrix = WeightMatrix.of(MemorySegment.ofArray(new float[8]), DType.F32, 2, 4);
    assertThatThrownBy(() -> pruner.wanda(matrix, new float[3], new Sparsity.Ratio(0.5)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> pruner.wanda(matrix, new float[4], new Sparsity.GroupPattern(1, 3)))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
