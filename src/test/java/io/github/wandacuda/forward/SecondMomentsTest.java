package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Sums of products of columns: the scalar code's bits on the CPU and on CUDA. On OpenCL a sum has
 * 48 bits, so that its rounding to float32 differs for one in millions.
 */
@EachBackend
class SecondMomentsTest extends OperationCases {
  /** Half a unit of a float32 in the last place, relative. */
  private static final double ROUNDING = 0x1p-24;

  /** Columns on both sides of what register tiles, blocks of threads and runs hold. */
  private static final int[] TILE_WIDTHS = {1, 2, 5, 6, 7, 63, 64, 65, 128, 129, 145, 257, 300};

  SecondMomentsTest(OpenedBackend backend) {
    super(backend);
  }

  /** Returns the triangle, and a number after it that has to stay. */
  private static CpuTensor triangle(
      Operands operands, double divisor, int offset, CpuTensor... parts) {
    int columns = parts[0].columns();
    try (SecondMoments moments = operands.operations().secondMoments(columns)) {
      for (CpuTensor part : parts) {
        moments.add(operands.in(part, offset));
      }
      return triangle(moments, columns, divisor);
    }
  }

  private static CpuTensor triangle(SecondMoments moments, int columns, double divisor) {
    CpuTensor found = CpuTensor.zeros(1, Math.toIntExact(PackedTriangle.elements(columns)) + 1);
    found.data()[found.elements() - 1] = -1;
    moments.download(divisor, MemorySegment.ofArray(found.data()));
    assertThat(found.data()[found.elements() - 1]).as("after the triangle").isEqualTo(-1);
    return found;
  }

  /** Checks bits, but on OpenCL that a value is next to the expected one at most. */
  private void same(double divisor, int offset, CpuTensor... parts) {
    if (which().isGpu() && !which().isCuda()) {
      close(
          "moments",
          (expected, largest) -> Math.ulp((float) expected),
          operands -> triangle(operands, divisor, offset, parts));
    } else {
      sameBits("moments", operands -> triangle(operands, divisor, offset, parts));
    }
  }

  private static double product(CpuTensor x, int i, int j) {
    double sum = 0;
    for (int t = 0; t < x.rows(); t++) {
      sum += at(x, t, i) * at(x, t, j);
    }
    return sum;
  }

  private static double magnitudes(CpuTensor x, int i, int j) {
    double sum = 0;
    for (int t = 0; t < x.rows(); t++) {
      sum += Math.abs(at(x, t, i) * at(x, t, j));
    }
    return sum;
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "1, 70", "256, 2", "257, 13", "600, 130"})
  void sumsAddUpOverCalls(int tokens, int columns) {
    Samples samples = new Samples(7);
    CpuTensor first = samples.tensor(tokens, columns, 0.3f, 1);
    CpuTensor second = samples.tensor(tokens + 1, columns);
    each(
        operands -> triangle(operands, 3, 0, first, second),
        found -> {
          int at = 0;
          for (int i = 0; i < columns; i++) {
            for (int j = i; j < columns; j++, at++) {
              double expected = (product(first, i, j) + product(second, i, j)) / 3;
              double size = (magnitudes(first, i, j) + magnitudes(second, i, j)) / 3;
              assertThat((double) found.data()[at])
                  .isCloseTo(expected, within(size * 257 * ROUNDING));
            }
          }
          assertThat(found.elements()).isEqualTo(at + 1);
        });
  }

  @Test
  void productsAreFusedAndSummedInRunsOf256Rows() {
    CpuTensor x = CpuTensor.zeros(513, 2);
    pair(x, 0, 1 + 0x1p-12f, 1 + 0x1p-12f);
    pair(x, 1, 0x1p-13f, 0x1p-13f);
    pair(x, 130, 0x1p-13f, 0x1p-13f);
    pair(x, 256, 0x1p-13f, 0x1p-13f);
    pair(x, 512, -1 - 0x1p-11f, 1);
    each(
        operands -> triangle(operands, 1, 0, x),
        // The square of 1 + 2^-12 loses its 2^-24, the small squares beside it are lost; that of
        // the
        // next run is kept.
        found -> assertThat(found.data()[1]).isEqualTo(0x1p-26f));
  }

  private static void pair(CpuTensor x, int row, float first, float second) {
    x.data()[x.at(row)] = first;
    x.data()[x.at(row) + 1] = second;
  }

  @Test
  void everyWidthGivesTheSameMoments() {
    for (int columns : TILE_WIDTHS) {
      Samples samples = new Samples(columns);
      same(
          2,
          0,
          samples.tensor(31, columns),
          samples.tensor(65, columns),
          samples.spoil(samples.tensor(1, columns), 100));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 0", "1, 300, 0", "2, 33, 1", "255, 7, 0", "256, 66, 3",
    "257, 67, 0", "512, 12, 2", "1023, 5, 0", "1025, 70, 1", "2600, 9, 0"
  })
  void rowsOfAnyNumberAndPlaceGiveTheSameMoments(int rows, int columns, int offset) {
    Samples samples = new Samples(rows);
    CpuTensor all = samples.tensor(rows, columns, 0.5f, 3);
    same(7, offset, all, all.rows(0, rows / 2), all.rows(rows / 2, rows - rows / 2));
  }

  @Test
  void sumsThatCancelAreKept() {
    CpuTensor large = Samples.of(1, 4096, 4096);
    CpuTensor small = Samples.of(1, 0x1p-10f, 0x1p-10f);
    CpuTensor negative = Samples.of(1, 4096, -4096);
    each(
        operands -> triangle(operands, 1, 0, large, small, negative),
        found -> assertThat(found.data()).startsWith(0x1p25f, 0x1p-20f, 0x1p25f));
  }

  @Test
  void theDiagonalIsThatOfTheColumnSquares() {
    CpuTensor x = new Samples(5).tensor(700, 150, 1, 2);
    each(
        operands -> {
          CpuTensor moments = triangle(operands, 1, 0, x);
          try (ColumnSquares squares = operands.operations().columnSquares(150)) {
            squares.add(operands.in(x));
            double[] sums = squares.sums();
            for (int c = 0; c < 150; c++) {
              float moment = moments.data()[(int) PackedTriangle.rowStart(150, c)];
              assertThat((double) moment).isCloseTo(sums[c], within(sums[c] * 257 * ROUNDING));
            }
          }
          return moments;
        },
        found -> {});
  }

  @Test
  void whatIsNotFiniteStaysSo() {
    Samples samples = new Samples(11);
    CpuTensor x = samples.tensor(600, 70);
    x.data()[x.at(300)] = Float.POSITIVE_INFINITY;
    x.data()[x.at(10) + 68] = Float.NaN;
    same(1, 0, x, samples.tensor(300, 70));
    CpuTensor extremes = Samples.of(1, 1e30f, Float.NaN, Float.NEGATIVE_INFINITY);
    float nan = Float.NaN;
    float infinite = Float.POSITIVE_INFINITY;
    each(
        operands -> triangle(operands, 1, 0, extremes),
        found ->
            assertThat(found.data())
                .startsWith(infinite, nan, Float.NEGATIVE_INFINITY, nan, nan, infinite));
  }

  @Test
  void nothingAddedIsZero() {
    each(
        operands -> triangle(operands, 1, 0, CpuTensor.zeros(0, 130)),
        found -> assertThat(found.data()).containsOnly(0f, -1f));
    each(
        operands -> triangle(operands, 1, 0, CpuTensor.zeros(3, 0)),
        found -> assertThat(found.elements()).isOne());
  }
}
