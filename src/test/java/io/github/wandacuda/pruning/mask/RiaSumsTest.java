package io.github.wandacuda.pruning.mask;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Sums of rows whose ends fill no whole chain, and of columns over more than one block of rows. */
class RiaSumsTest {
  private static final int ROWS = 300;
  private static final int BLOCK = 128;

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 11})
  void everyWeightCountsOnce(int columns) {
    Random random = new Random(columns);
    float[] values = new float[ROWS * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    WeightMatrix matrix = WeightMatrix.of(MemorySegment.ofArray(values), DType.F32, ROWS, columns);
    try (Workers workers = new Workers(3)) {
      RiaMask.Sums sums = RiaMask.Sums.of(matrix, workers);
      for (int row = 0; row < ROWS; row++) {
        double sum = 0;
        for (int column = 0; column < columns; column++) {
          sum += Math.abs(matrix.get(row, column));
        }
        assertThat(sums.ofRows()[row] * sum).isCloseTo(1, within(1e-14));
      }
      for (int column = 0; column < columns; column++) {
        assertThat(sums.ofColumns()[column]).isEqualTo(1 / ofColumn(matrix, column));
      }
    }
  }

  /** Returns a column's sum, block by block, so that any number of threads gives the same bits. */
  private static double ofColumn(WeightMatrix matrix, int column) {
    double all = 0;
    for (int first = 0; first < ROWS; first += BLOCK) {
      double sum = 0;
      for (int row = first; row < Math.min(ROWS, first + BLOCK); row++) {
        sum += Math.abs(matrix.get(row, column));
      }
      all += sum;
    }
    return all;
  }
}
