package io.github.wandacuda.select;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.backend.TestedBackend;
import io.github.wandacuda.testing.selection.GoldenSelection;
import io.github.wandacuda.testing.selection.MagnitudeCounts;
import io.github.wandacuda.testing.selection.PlacedMatrix;
import io.github.wandacuda.testing.selection.PlacedMatrix.Layout;
import io.github.wandacuda.testing.selection.SelectOracle;
import io.github.wandacuda.testing.selection.Values;
import java.util.Arrays;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Counts of magnitudes by the upper and by the lower half of their bits. */
@EachBackend(variants = {TestedBackend.CUDA_FEW_BLOCKS, TestedBackend.CUDA_MANY_BLOCKS})
class MagnitudesTest extends SelectionCases {
  MagnitudesTest(OpenedBackend backend) {
    super(backend);
  }

  private void check(String what, Layout layout, DType dtype, int[][] bits) {
    PlacedMatrix matrix = PlacedMatrix.of(layout, dtype, bits.length, bits[0].length).filled(bits);
    MagnitudeCounts.of(dtype, bits).check(dtype + " " + what, selector(), matrix);
  }

  @ParameterizedTest
  @EnumSource
  void everyKindOfElementIsCounted(DType dtype) {
    for (Values values : Values.values()) {
      int rows = 1 + random.nextInt(37);
      int columns = 1 + random.nextInt(3000);
      check(values.name(), Layout.DENSE, dtype, values.matrix(random, dtype, rows, columns));
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyWidthIsCounted(DType dtype) {
    for (int columns : new int[] {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 255, 256, 257, 1003}) {
      check(
          columns + " columns", Layout.DENSE, dtype, Values.ANY.matrix(random, dtype, 5, columns));
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyLayoutIsCounted(DType dtype) {
    for (Layout layout : Layout.values()) {
      check(layout.name(), layout, dtype, Values.GAUSSIAN.matrix(random, dtype, 19, 301));
    }
  }

  /** All threads add to one bin. */
  @ParameterizedTest
  @EnumSource
  void equalElementsAreCounted(DType dtype) {
    for (float value : new float[] {0, -0.0f, -1.5f, 0x1p-24f}) {
      int[][] bits = filled(70, 1100, Values.bits(dtype, value));
      check("all " + value, Layout.DENSE, dtype, bits);
    }
  }

  @ParameterizedTest
  @EnumSource
  void manyRowsAreCounted(DType dtype) {
    check("3000 rows", Layout.DENSE, dtype, Values.GAUSSIAN.matrix(random, dtype, 3000, 40));
  }

  @ParameterizedTest
  @EnumSource
  void aBinWithoutElementsIsEmpty(DType dtype) {
    WeightMatrix matrix = dense(dtype, Values.CONSTANT.matrix(random, dtype, 3, 33)).view();
    for (int bin : new int[] {0, 0x3fbf, 0x3fc1, Selector.UPPER_BINS - 1}) {
      long[] lower = new long[Selector.LOWER_BINS];
      selector().countMagnitudes(matrix, OptionalInt.of(bin), lower);
      assertThat(Arrays.stream(lower).sum()).as("bin %d", bin).isZero();
    }
  }

  @Test
  void aMatrixWithoutElementsHasNothingToCount() {
    for (WeightMatrix empty :
        new WeightMatrix[] {matrix(DType.F32, 0, 8), matrix(DType.F32, 8, 0)}) {
      long[] upper = new long[Selector.UPPER_BINS];
      long[] lower = new long[Selector.LOWER_BINS];
      selector().countMagnitudes(empty, OptionalInt.empty(), upper);
      selector().countMagnitudes(empty, OptionalInt.of(0), lower);
      assertThat(Arrays.stream(upper).sum() + Arrays.stream(lower).sum()).isZero();
    }
  }

  @ParameterizedTest
  @EnumSource
  void anElementThatIsNotFiniteIsNamed(DType dtype) {
    eachNonFinite(
        dtype,
        1003,
        matrix ->
            matrix.checkNamed(
                () ->
                    selector()
                        .countMagnitudes(
                            matrix.view(), OptionalInt.empty(), new long[Selector.UPPER_BINS])));
  }

  /** Both counts lead to the magnitude at any place of their order. */
  @ParameterizedTest
  @EnumSource
  void theMagnitudeAtAPlaceIsFound(DType dtype) {
    int[][] bits = Values.ZEROS.matrix(random, dtype, 7, 143);
    WeightMatrix matrix = dense(dtype, bits).view();
    double[] sorted =
        Arrays.stream(bits)
            .flatMapToInt(Arrays::stream)
            .mapToDouble(element -> SelectOracle.magnitude(dtype, element))
            .sorted()
            .toArray();
    for (int place : new int[] {0, 1, 500, 700, 999, 1000}) {
      assertThat(GoldenSelection.magnitudeAt(selector(), matrix, place))
          .isEqualTo((float) sorted[place]);
    }
  }
}
