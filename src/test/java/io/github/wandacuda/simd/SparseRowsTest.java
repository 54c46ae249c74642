package io.github.wandacuda.simd;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseKernels;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.scalar.ScalarSparse;
import io.github.wandacuda.testing.FirstCases;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The vector kernels give the scalar specification's bits. */
@Execution(ExecutionMode.CONCURRENT)
class SparseRowsTest {
  private static final int[] COLUMNS = {0, 1, 15, 16, 17, 31, 32, 33, 64, 100, 255, 257, 512};
  private static final int[] ROWS = {0, 1, 2, 3, 4, 5, 8, 13};

  record Case(SparseKernels kernels, DType dtype) {
    @Override
    public String toString() {
      return kernels.getClass().getSimpleName() + " " + dtype;
    }
  }

  static Stream<Case> cases() {
    return Stream.<SparseKernels>of(new ExpandRows(), new PanelRows())
        .flatMap(kernels -> Stream.of(DType.values()).map(dtype -> new Case(kernels, dtype)));
  }

  @ParameterizedTest
  @MethodSource("cases")
  @FirstCases(1)
  void sumsAreThoseOfTheScalarLoop(Case kase) {
    for (double zeros : new double[] {0, 0.5, 0.97, 1}) {
      for (int columns : COLUMNS) {
        for (int rows : ROWS) {
          SparseMatrix matrix = SparseMatrix.pack(random(kase.dtype, rows, columns, zeros, false));
          for (int count = 1; count <= SparseMatrix.MOST_ROWS; count++) {
            assertEqualBits(kase.kernels, matrix, count, 0, rows);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  @FirstCases(1)
  void longRowsGiveTheSameInSeveralBlocks(Case kase) {
    for (int columns : new int[] {2048, 2049, 4096, 4127, 4160, 8231}) {
      SparseMatrix matrix = SparseMatrix.pack(random(kase.dtype, 13, columns, 0.5, false));
      for (int count : new int[] {1, 2, 4, 5, 8}) {
        assertEqualBits(kase.kernels, matrix, count, 0, 13);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void aCallLeavesNothingToTheNext(Case kase) {
    for (int columns : new int[] {8231, 70, 4160, 33, 0, 4096}) {
      SparseMatrix matrix = SparseMatrix.pack(random(kase.dtype, 9, columns, 0.5, false));
      assertEqualBits(kase.kernels, matrix, 8, 0, 9);
      assertEqualBits(kase.kernels, matrix, 1, 0, 9);
      assertEqualBits(kase.kernels, matrix, 3, 0, 9);
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void rangesGiveTheBitsOfTheWhole(Case kase) {
    SparseMatrix matrix = SparseMatrix.pack(random(kase.dtype, 29, 90, 0.5, false));
    for (int from : new int[] {0, 1, 7, 28, 29}) {
      for (int to : new int[] {from, from + 1, from + 5, 29}) {
        if (to <= 29) {
          assertEqualBits(kase.kernels, matrix, 1, from, to);
          assertEqualBits(kase.kernels, matrix, 3, from, to);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void infinitiesAndTinyNumbersAreThemselves(Case kase) {
    SparseMatrix matrix = SparseMatrix.pack(random(kase.dtype, 9, 70, 0.3, true));
    assertEqualBits(kase.kernels, matrix, 1, 0, 9);
    assertEqualBits(kase.kernels, matrix, 4, 0, 9);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void memoryMayBeOnTheHeap(Case kase) {
    SparseMatrix packed = SparseMatrix.pack(random(kase.dtype, 9, 70, 0.5, false));
    SparseMatrix matrix =
        SparseMatrix.of(
            onHeap(packed.values()),
            onHeap(packed.bitmask()),
            onHeap(packed.rowOffsets()),
            9,
            70,
            kase.dtype);
    assertEqualBits(kase.kernels, matrix, 1, 0, 9);
    assertEqualBits(kase.kernels, matrix, 8, 0, 9);
  }

  private static MemorySegment onHeap(MemorySegment segment) {
    return MemorySegment.ofArray(segment.toArray(ValueLayout.JAVA_BYTE));
  }

  private static void assertEqualBits(
      SparseKernels kernels, SparseMatrix matrix, int count, int from, int to) {
    Random random = new Random(count);
    float[] x = new float[3 + count * matrix.columns()];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) random.nextGaussian();
    }
    float[] expected = filled(5 + count * matrix.rows());
    float[] found = filled(expected.length);
    new ScalarSparse().multiply(matrix, x, 3, count, expected, 5, from, to);
    kernels.multiply(matrix, x, 3, count, found, 5, from, to);
    assertThat(bits(found))
        .as("%d x %d, rows %d to %d by %d", matrix.rows(), matrix.columns(), from, to, count)
        .isEqualTo(bits(expected));
  }

  private static float[] filled(int length) {
    float[] values = new float[length];
    Arrays.fill(values, -7f);
    return values;
  }

  /** Returns the bits, those of every NaN as one. */
  private static int[] bits(float[] values) {
    int[] bits = new int[values.length];
    for (int i = 0; i < values.length; i++) {
      bits[i] = Float.floatToIntBits(values[i]);
    }
    return bits;
  }

  private static WeightMatrix random(
      DType dtype, int rows, int columns, double zeros, boolean wild) {
    Random random = new Random(rows * 1000L + columns);
    MemorySegment data = Arena.ofAuto().allocate((long) rows * columns * dtype.bytes() + 1);
    WeightMatrix matrix = WeightMatrix.of(data, dtype, rows, columns);
    float[] wilds = {-0f, 1e-7f, -6e-8f, Float.POSITIVE_INFINITY, 1e-40f, Float.NaN};
    for (int row = 0; row < rows; row++) {
      boolean finite = row % 3 != 0;
      for (int column = 0; column < columns; column++) {
        if (random.nextDouble() < zeros) {
          continue;
        }
        float value = (float) random.nextGaussian();
        if (wild && random.nextInt(20) == 0) {
          value = wilds[random.nextInt(finite ? 3 : wilds.length - row / 3 % 2)];
        }
        set(matrix, row, column, value);
      }
    }
    return matrix;
  }

  private static void set(WeightMatrix matrix, int row, int column, float value) {
    long at = matrix.byteOffset(row, column);
    MemorySegment data = matrix.data();
    switch (matrix.dtype()) {
      case F32 -> data.set(ValueLayout.JAVA_FLOAT_UNALIGNED, at, value);
      case F16 -> data.set(ValueLayout.JAVA_SHORT_UNALIGNED, at, Float.floatToFloat16(value));
      case BF16 ->
          data.set(
              ValueLayout.JAVA_SHORT_UNALIGNED,
              at,
              (short) (Float.floatToRawIntBits(value) >>> Short.SIZE));
    }
  }
}
