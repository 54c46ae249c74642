package io.github.wandacuda.library;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.github.wandacuda.DType;
import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.library.MatrixRun.FiniteCheck;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Words of several weights: every lane, every layout, and the greatest numbers beside. */
class FiniteCheckTest {
  private static final int ROWS = 3;
  private static final int COLUMNS = 11;

  private static List<WeightMatrix> layouts(DType dtype) {
    MemorySegment memory = MemorySegment.ofArray(new byte[1000]);
    return List.of(
        WeightMatrix.of(memory, dtype, ROWS, COLUMNS),
        new WeightMatrix(memory, dtype, ROWS, COLUMNS, 13, 1),
        new WeightMatrix(memory, dtype, ROWS, COLUMNS, 1, ROWS),
        new WeightMatrix(memory, dtype, ROWS, COLUMNS, 30, 2));
  }

  private static float greatest(DType dtype) {
    return switch (dtype) {
      case F32 -> Float.MAX_VALUE;
      case F16 -> 65504;
      case BF16 -> Float.intBitsToFloat(0x7f7f0000);
    };
  }

  @ParameterizedTest
  @EnumSource
  void findsEachWeightAndNoOther(DType dtype) {
    for (WeightMatrix matrix : layouts(dtype)) {
      for (int row = 0; row < ROWS; row++) {
        for (int column = 0; column < COLUMNS; column++) {
          for (float greatest : new float[] {greatest(dtype), -greatest(dtype), Float.MIN_VALUE}) {
            Weights.set(matrix, row, column, greatest);
            assertThatCode(() -> FiniteCheck.require(matrix)).doesNotThrowAnyException();
          }
        }
      }
      for (int row = 0; row < ROWS; row++) {
        for (int column = 0; column < COLUMNS; column++) {
          for (float value :
              new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            Weights.set(matrix, row, column, value);
            NonFiniteWeightException found =
                catchThrowableOfType(
                    NonFiniteWeightException.class, () -> FiniteCheck.require(matrix));
            assertThat(found).as("%s %d %d", matrix, row, column).isNotNull();
            assertThat(List.of(found.row(), found.column(), found.value()))
                .isEqualTo(List.of(row, column, value));
          }
          Weights.set(matrix, row, column, 1);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void passesOverWhatLiesBetweenTheRows(DType dtype) {
    MemorySegment memory = MemorySegment.ofArray(new byte[1000]).fill((byte) -1);
    WeightMatrix matrix = new WeightMatrix(memory, dtype, ROWS, COLUMNS, 13, 1);
    for (int row = 0; row < ROWS; row++) {
      for (int column = 0; column < COLUMNS; column++) {
        Weights.set(matrix, row, column, 1);
      }
    }
    FiniteCheck.require(matrix);
  }
}
