package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Sums of squares by column: the scalar code's bits on the CPU. GPUs hand over a sum as two
 * float32, so 48 bits of it; on CUDA these are the scalar code's, on OpenCL the sum is right to
 * float32 and nearly to 48 bits.
 */
@EachBackend
class ColumnSquaresTest extends OperationCases {
  /** Half a unit of a float32 in the last place, relative. */
  private static final double ROUNDING = 0x1p-24;

  ColumnSquaresTest(OpenedBackend backend) {
    super(backend);
  }

  /** Returns what of a sum has to be the same. */
  private CpuTensor comparable(double[] sums) {
    if (!which().isGpu()) {
      return bits(sums);
    }
    CpuTensor halves = CpuTensor.zeros(2, sums.length);
    for (int c = 0; c < sums.length; c++) {
      float high = (float) sums[c];
      halves.data()[c] = high;
      boolean low = which().isCuda() && Float.isFinite(high);
      halves.data()[sums.length + c] = low ? (float) (sums[c] - high) : 0;
    }
    return halves;
  }

  private double[] sums(Operands operands, int offset, CpuTensor... parts) {
    try (ColumnSquares squares = operands.operations().columnSquares(parts[0].columns())) {
      for (CpuTensor part : parts) {
        squares.add(operands.in(part, offset));
      }
      return squares.sums();
    }
  }

  private void sameSums(int offset, CpuTensor... parts) {
    sameBits("sums", operands -> comparable(sums(operands, offset, parts)));
  }

  /** Hands doubles out as float32, which are as exact as these tests ask. */
  private static CpuTensor rounded(double[] sums) {
    CpuTensor tensor = CpuTensor.zeros(1, sums.length);
    for (int c = 0; c < sums.length; c++) {
      tensor.data()[c] = (float) sums[c];
    }
    return tensor;
  }

  private static double squares(CpuTensor x, int column) {
    double sum = 0;
    for (int t = 0; t < x.rows(); t++) {
      sum += at(x, t, column) * at(x, t, column);
    }
    return sum;
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "31, 2", "32, 3", "33, 300", "200, 5"})
  void sumsAddUpOverCalls(int tokens, int columns) {
    Samples samples = new Samples(7);
    CpuTensor first = samples.tensor(tokens, columns);
    CpuTensor second = samples.tensor(tokens + 1, columns);
    each(
        operands -> {
          try (ColumnSquares squares = operands.operations().columnSquares(columns)) {
            assertThat(squares.sums()).containsOnly(0.0).hasSize(columns);
            squares.add(operands.in(first));
            squares.add(operands.in(second));
            double[] sums = squares.sums();
            for (int c = 0; c < columns; c++) {
              double expected = squares(first, c) + squares(second, c);
              assertThat(sums[c]).isCloseTo(expected, within(expected * 33 * ROUNDING));
            }
            return rounded(sums);
          }
        },
        found -> assertThat(found.elements()).isEqualTo(columns));
  }

  @Test
  void clearedSumsBeginAgain() {
    Samples samples = new Samples(5);
    CpuTensor first = samples.tensor(70, 40);
    CpuTensor second = samples.tensor(33, 40);
    sameBits(
        "sums after others",
        operands -> {
          double[] alone = sums(operands, 0, second);
          try (ColumnSquares squares = operands.operations().columnSquares(40)) {
            squares.add(operands.in(first));
            squares.clear();
            assertThat(squares.sums()).containsOnly(0.0);
            squares.add(operands.in(second));
            assertThat(squares.sums()).isEqualTo(alone);
            return comparable(squares.sums());
          }
        });
  }

  @Test
  void squaresAreRoundedAndSummedInRunsOf32Rows() {
    float[] column = new float[64];
    column[0] = 1 + 0x1p-12f;
    column[1] = 0x1p-13f;
    column[32] = 0x1p-13f;
    each(
        operands -> {
          double[] sums = sums(operands, 0, Samples.of(64, column));
          // The square of 1 + 2^-12 loses its 2^-24; so does the first small square beside it.
          assertThat(sums).containsExactly(1 + 0x1p-11 + 0x1p-26);
          return rounded(sums);
        },
        found -> assertThat(found.data()).containsExactly(1 + 0x1p-11f));
  }

  @Test
  void everyWidthGivesTheSameSums() {
    for (int columns : WIDTHS) {
      Samples samples = new Samples(columns);
      sameSums(
          0,
          samples.tensor(31, columns),
          samples.tensor(65, columns),
          samples.spoil(samples.tensor(1, columns), 100));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 0", "31, 33, 0", "32, 64, 1", "33, 7, 0", "300, 40, 0", "8229, 3, 0",
    "31, 3, 0", "32, 255, 0", "33, 257, 0", "255, 2, 0", "256, 16, 0", "257, 5, 0",
    "3000, 7, 0"
  })
  void rowsOfAnyNumberAndPlaceGiveTheSameSums(int rows, int columns, int offset) {
    Samples samples = new Samples(rows);
    CpuTensor all = samples.tensor(rows, columns, 0, 3);
    sameSums(offset, all, all.rows(0, rows / 2));
    sameSums(offset, samples.tensor(rows, columns), samples.tensor(40, columns));
  }

  @Test
  void manyPartsLoseNoDigits() {
    Samples samples = new Samples(11);
    CpuTensor[] parts = new CpuTensor[300];
    for (int i = 0; i < parts.length; i++) {
      parts[i] = samples.tensor(i == 0 ? 2000 : 1, 3, 0, i == 0 ? 1000 : 0.01f);
    }
    sameSums(0, parts);
  }

  /** 2^16 groups of work-items are what some devices allow. */
  @Test
  @Thorough
  void rowsMayBeMany() {
    assumeFalse(which().isEmulated(), "too many to emulate");
    sameSums(0, new Samples(11).tensor(256 * 33_000, 1));
  }

  @Test
  void whatIsNotFiniteStaysSo() {
    Samples samples = new Samples(11);
    CpuTensor x = samples.tensor(600, 3);
    x.data()[x.at(300)] = Float.POSITIVE_INFINITY;
    x.data()[x.at(10) + 1] = Float.NaN;
    sameSums(0, x);
    sameSums(0, x, samples.tensor(300, 3));
    CpuTensor extremes = Samples.of(1, 1e30f, Float.NaN, Float.NEGATIVE_INFINITY);
    each(
        operands -> rounded(sums(operands, 0, extremes)),
        found ->
            assertThat(found.data())
                .containsExactly(Float.POSITIVE_INFINITY, Float.NaN, Float.POSITIVE_INFINITY));
  }
}
