package io.github.wandacuda.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** That rows which are alike are pruned by thresholds, and not left to what prunes any row. */
class LowestByThresholdsTest {
  private static final int COLUMNS = 2048;
  private static final int ROWS = 100;
  private static final long ROW_BYTES = (long) Short.BYTES * COLUMNS;

  private final SplittableRandom random = new SplittableRandom(3);
  private final MemorySegment matrix = Arena.ofAuto().allocate(ROWS * ROW_BYTES);
  private final float[] norms = new float[COLUMNS];
  private final long[] kept = new long[COLUMNS / Long.SIZE];

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void rowsOfNormalWeights(DType dtype) {
    fillNorms();
    fill(dtype, row -> 0.02 * random.nextGaussian());
    assertThat(pruned(dtype, COLUMNS / 2)).isGreaterThan(ROWS * 9 / 10);
  }

  @ParameterizedTest
  @ValueSource(ints = {COLUMNS / 20, COLUMNS / 3, COLUMNS * 9 / 10, COLUMNS - 20})
  void fewOfARowAndMost(int wanted) {
    fillNorms();
    fill(DType.BF16, row -> 0.02 * random.nextGaussian());
    assertThat(pruned(DType.BF16, wanted)).isGreaterThan(ROWS * 3 / 4);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 0.5, 1})
  void rowsOfTwoValues(double share) {
    Arrays.fill(norms, 1);
    fill(DType.F16, row -> random.nextDouble() < share ? 1 : 0.5);
    assertThat(pruned(DType.F16, COLUMNS / 2)).isGreaterThan(ROWS / 2);
  }

  /** So that its threshold isn't the one that all other rows have. */
  @Test
  void aRowWithOneTooFewOfAValue() {
    int wanted = COLUMNS / 2;
    Arrays.fill(norms, 1);
    fill(DType.BF16, row -> 0.5);
    for (int c = wanted - 1; c < COLUMNS; c++) {
      long at = 60 * ROW_BYTES + (long) Short.BYTES * c;
      matrix.set(ValueLayout.JAVA_SHORT, at, (short) 0x3f80);
    }
    assertThat(pruned(DType.BF16, wanted)).isGreaterThan(ROWS / 2);
  }

  @Test
  void rowsThatAreMostlyZero() {
    fillNorms();
    fill(DType.BF16, row -> random.nextInt(4) == 0 ? random.nextGaussian() : 0);
    assertThat(pruned(DType.BF16, COLUMNS / 2)).isGreaterThan(ROWS / 2);
  }

  /** They cost more than scoring all, so they are given up. */
  @Test
  void rowsOfOtherScalesAreLeft() {
    fillNorms();
    double[] scales = random.doubles(ROWS, -8, 8).map(Math::exp).toArray();
    fill(DType.BF16, row -> scales[row] * random.nextGaussian());
    assertThat(pruned(DType.BF16, COLUMNS / 2)).isLessThan(ROWS / 2);
  }

  private void fillNorms() {
    for (int c = 0; c < COLUMNS; c++) {
      norms[c] = (float) Math.exp(random.nextGaussian());
    }
  }

  private interface Weights {
    double next(int row);
  }

  private void fill(DType dtype, Weights weights) {
    for (int i = 0; i < ROWS * COLUMNS; i++) {
      float weight = (float) weights.next(i / COLUMNS);
      int bits =
          dtype == DType.BF16
              ? Float.floatToRawIntBits(weight) >>> Short.SIZE
              : Float.floatToFloat16(weight);
      matrix.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) bits);
    }
  }

  /** Prunes all rows and returns how many were by thresholds. */
  private int pruned(DType dtype, int wanted) {
    LowestOfRow whole = new LowestOfRow(dtype, COLUMNS, norms, wanted);
    LowestByThresholds pruner = new LowestByThresholds(dtype, COLUMNS, norms, wanted, whole);
    for (int row = 0; row < ROWS; row++) {
      assertThat(pruner.prune(matrix, row * ROW_BYTES, kept)).isEqualTo(wanted);
      long stay = Arrays.stream(kept).map(Long::bitCount).sum();
      assertThat(stay).as("row %d", row).isEqualTo(COLUMNS - wanted);
    }
    return pruner.byThresholds();
  }
}
