package io.github.wandacuda.bench.cases;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.wandacuda.DType;
import io.github.wandacuda.bench.common.NormalWeights;
import java.util.Arrays;
import java.util.function.DoublePredicate;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DataKindTest {
  private static final int COLUMNS = 20_000;

  private static float[] row(DataKind kind, DType dtype, int index) {
    float[] row = new float[COLUMNS];
    new WeightRows(kind, dtype, kind.norms(COLUMNS)).fill(row, index);
    return row;
  }

  private static float[] row(DataKind kind) {
    return row(kind, DType.BF16, 1);
  }

  private static long count(float[] row, DoublePredicate wanted) {
    return IntStream.range(0, row.length).filter(i -> wanted.test(row[i])).count();
  }

  private static long magnitudes(float[] row) {
    return IntStream.range(0, row.length).mapToObj(i -> Math.abs(row[i])).distinct().count();
  }

  private static double deviation(float[] row) {
    double squares = 0;
    for (float value : row) {
      squares += value * value;
    }
    return Math.sqrt(squares / COLUMNS);
  }

  @Test
  void gaussianRowsAreNormalAndDiffer() {
    float[] row = row(DataKind.GAUSSIAN);
    assertEquals(NormalWeights.DEVIATION, deviation(row), 0.001);
    assertTrue(row[0] != row(DataKind.GAUSSIAN, DType.BF16, 2)[0]);
  }

  @ParameterizedTest
  @EnumSource
  void equalNumbersGiveEqualRows(DataKind kind) {
    assertArrayEquals(row(kind), row(kind));
  }

  @Test
  void tiesAreFewMagnitudesUnderEqualNorms() {
    assertEquals(16, magnitudes(row(DataKind.TIES)));
    assertEquals(2, magnitudes(row(DataKind.TWO_VALUES)));
    assertEquals(1, magnitudes(row(DataKind.EQUAL)));
    assertArrayEquals(new float[] {1, 1, 1}, DataKind.TIES.norms(3));
  }

  @Test
  void scaledRowsDifferByAFifth() {
    double[] logarithms =
        IntStream.range(0, 50)
            .mapToDouble(i -> Math.log(deviation(row(DataKind.SCALED_ROWS, DType.BF16, i))))
            .toArray();
    double mean = Arrays.stream(logarithms).average().orElseThrow();
    double squares = Arrays.stream(logarithms).map(value -> (value - mean) * (value - mean)).sum();
    assertEquals(Math.log(NormalWeights.DEVIATION), mean, 0.1);
    assertEquals(0.2, Math.sqrt(squares / logarithms.length), 0.08);
  }

  @Test
  void sparseRowsAreZeroWhereTheyHaveToBe() {
    assertEquals(COLUMNS, count(row(DataKind.ZERO), value -> value == 0));
    assertEquals(COLUMNS / 2.0, count(row(DataKind.SPARSE), value -> value == 0), 5);
    assertEquals(0.99 * COLUMNS, count(row(DataKind.SPARSE_99), value -> value == 0), 100);
  }

  @Test
  void sparseRowsKeepTheHigherScores() {
    float[] norms = DataKind.SPARSE.norms(COLUMNS);
    float[] dense = row(DataKind.GAUSSIAN);
    float[] sparse = row(DataKind.SPARSE);
    double lowestKept = Double.MAX_VALUE;
    double highestDropped = 0;
    for (int column = 0; column < COLUMNS; column++) {
      double score = Math.abs(dense[column]) * norms[column];
      if (sparse[column] == 0) {
        highestDropped = Math.max(highestDropped, score);
      } else {
        lowestKept = Math.min(lowestKept, score);
      }
    }
    assertTrue(highestDropped <= lowestKept);
  }

  @Test
  void sortedRowsRise() {
    float[] row = row(DataKind.SORTED);
    assertTrue(IntStream.range(1, COLUMNS).allMatch(i -> row[i - 1] < row[i]));
  }

  @Test
  void oneWeightLiesFarOut() {
    assertEquals(1, count(row(DataKind.OUTLIER), value -> Math.abs(value) > 1));
  }

  @Test
  void denormalsAreThoseOfTheirType() {
    float[] half = row(DataKind.DENORMAL, DType.F16, 1);
    assertTrue(count(half, value -> Math.abs(value) > Float.MIN_NORMAL) > 0);
    assertEquals(0, count(half, value -> Math.abs(value) >= 0x1p-14));
    assertEquals(0, count(row(DataKind.DENORMAL), value -> Math.abs(value) >= Float.MIN_NORMAL));
  }
}
