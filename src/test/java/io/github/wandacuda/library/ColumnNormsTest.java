package io.github.wandacuda.library;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.forward.ColumnSquares;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Pruning;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Norms from activations, beside plain sums in doubles and beside those of a calibrated run. */
class ColumnNormsTest {
  @AutoClose private final Pruner pruner = Pruner.builder().backend("cpu").threads(2).open();

  private static double[] plainSums(WeightMatrix activations) {
    double[] sums = new double[activations.columns()];
    for (int token = 0; token < activations.rows(); token++) {
      for (int column = 0; column < sums.length; column++) {
        double value = activations.get(token, column);
        sums[column] += value * value;
      }
    }
    return sums;
  }

  private static float[] floats(WeightMatrix matrix) {
    float[] values = new float[(int) matrix.elements()];
    for (int i = 0; i < values.length; i++) {
      values[i] = matrix.get(i / matrix.columns(), i % matrix.columns());
    }
    return values;
  }

  @Test
  void takesAllOfAnArray() {
    float[] tokens = {3, 0, 4, 1};
    try (ColumnNorms norms = pruner.columnNorms(2)) {
      assertThat(norms.add(tokens).norms(1)).containsExactly(5, 1);
      assertThat(norms).hasToString("ColumnNorms[2 columns]");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> norms.add(new float[3]))
          .withMessage("activations: expected a multiple of 2 columns, found 3 elements");
    }
    try (ColumnNorms norms = pruner.columnNorms(0)) {
      assertThat(norms.add(new float[0]).sums()).isEmpty();
      assertThatIllegalArgumentException().isThrownBy(() -> norms.add(tokens));
    }
  }

  @ParameterizedTest
  @EnumSource
  void sumsAreThoseOfPlainDoubles(DType dtype) {
    WeightMatrix activations = Weights.random(dtype, 100, 77, 1);
    double[] expected = plainSums(activations);
    try (ColumnNorms norms = pruner.columnNorms(77)) {
      assertThat(norms.columns()).isEqualTo(77);
      assertThat(norms.sums()).containsOnly(0);
      double[] sums = norms.add(activations).sums();
      float[] roots = norms.norms(5);
      for (int column = 0; column < 77; column++) {
        assertThat(sums[column]).isCloseTo(expected[column], within(expected[column] * 1e-5));
        assertThat(roots[column]).isEqualTo((float) Math.sqrt(sums[column] / 5));
      }
      assertThat(norms.toCriterion(5))
          .isInstanceOfSatisfying(
              Criterion.Wanda.class, wanda -> assertThat(wanda.norms()).isEqualTo(roots));
    }
  }

  /** The calibrated run gives its forward pass's tensors to the same operation. */
  @ParameterizedTest
  @EnumSource
  @FirstCases(1)
  void normsAreThoseOfACalibratedRunToTheBit(DType dtype) {
    int tokens = 300;
    int columns = 4500;
    WeightMatrix activations = Weights.random(dtype, tokens, columns, 1);
    float[] values = floats(activations);
    float[] expected = new float[columns];
    try (Backend backend = Pruning.cpu(2);
        Tensor tensor = backend.operations().tensor(tokens, columns);
        ColumnSquares squares = backend.operations().columnSquares(columns)) {
      backend.operations().upload(MemorySegment.ofArray(values), tensor);
      squares.add(tensor);
      squares.add(tensor);
      double[] sums = squares.sums();
      for (int column = 0; column < columns; column++) {
        expected[column] = (float) Math.sqrt(sums[column] / 2);
      }
    }
    WeightMatrix transposed =
        WeightMatrix.of(MemorySegment.ofArray(values), DType.F32, tokens, columns);
    float[] padded = new float[values.length + 9];
    System.arraycopy(values, 0, padded, 7, values.length);
    try (ColumnNorms norms = pruner.columnNorms(columns);
        ColumnNorms others = pruner.columnNorms(columns)) {
      assertThat(norms.add(activations).add(padded, 7, tokens).norms(2)).isEqualTo(expected);
      assertThat(others.add(columnMajor(transposed)).add(values, 0, 160).norms(1))
          .as("other layouts")
          .isNotEqualTo(expected);
      others.add(values, 160 * columns, tokens - 160);
      assertThat(others.norms(2)).as("cut at a multiple of 32 tokens").isEqualTo(expected);
    }
  }

  private static WeightMatrix columnMajor(WeightMatrix matrix) {
    WeightMatrix view =
        WeightMatrix.of(
                Arena.ofAuto().allocate(matrix.elements() * Float.BYTES),
                DType.F32,
                matrix.columns(),
                matrix.rows())
            .transposed();
    for (int row = 0; row < view.rows(); row++) {
      for (int column = 0; column < view.columns(); column++) {
        Weights.set(view, row, column, matrix.get(row, column));
      }
    }
    return view;
  }

  @Test
  void mergedSumsAreThoseOfBoth() {
    WeightMatrix some = Weights.random(DType.F32, 32, 10, 1);
    WeightMatrix others = Weights.random(DType.F32, 40, 10, 2);
    try (ColumnNorms all = pruner.columnNorms(10);
        ColumnNorms one = pruner.columnNorms(10);
        ColumnNorms other = pruner.columnNorms(10)) {
      double[] first = one.add(some).sums();
      double[] second = other.add(others).sums();
      double[] merged = all.merge(one).merge(other).add(some).sums();
      for (int column = 0; column < 10; column++) {
        assertThat(merged[column]).isEqualTo(first[column] + (first[column] + second[column]));
      }
      assertThat(other.sums()).as("stays").isEqualTo(second);
    }
  }

  @Test
  void threadsSumSideBySide() throws Exception {
    WeightMatrix activations = Weights.random(DType.BF16, 200, 600, 1);
    double[] expected;
    try (ColumnNorms norms = pruner.columnNorms(600)) {
      expected = norms.add(activations).add(activations).sums();
    }
    Callable<double[]> sum =
        () -> {
          try (ColumnNorms norms = pruner.columnNorms(600)) {
            return norms.add(activations).add(activations).sums();
          }
        };
    try (ExecutorService callers = Executors.newFixedThreadPool(4)) {
      List<Future<double[]>> all = new ArrayList<>();
      for (int i = 0; i < 200; i++) {
        all.add(callers.submit(sum));
      }
      for (Future<double[]> one : all) {
        assertThat(one.get()).isEqualTo(expected);
      }
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    try (ColumnNorms norms = pruner.columnNorms(4);
        ColumnNorms wider = pruner.columnNorms(5)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> norms.add(Weights.random(DType.F32, 2, 5, 1)))
          .withMessage("activations: expected 4 columns, found 5");
      assertThatThrownBy(() -> norms.add(new float[11], 0, 3))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> norms.add(new float[11], -1, 2))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> norms.add(new float[11], 0, Integer.MAX_VALUE))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> norms.add((float[]) null, 0, 1))
          .isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> norms.merge(null)).isInstanceOf(NullPointerException.class);
      assertThatIllegalArgumentException().isThrownBy(() -> norms.merge(norms));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> norms.merge(wider))
          .withMessage("other: expected 4 columns, found 5");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> norms.norms(0))
          .withMessage("samples: expected at least 1, found 0");
      assertThatIllegalArgumentException().isThrownBy(() -> pruner.columnNorms(-1));
      assertThat(norms.sums()).containsOnly(0);
    }
  }

  @Test
  void activationsThatAreNoNumbersAreNamedByTheirColumn() {
    try (ColumnNorms norms = pruner.columnNorms(3)) {
      norms.add(new float[] {1, Float.NaN, 1}, 0, 1);
      assertThat(norms.norms(1)[1]).isNaN();
      assertThatIllegalArgumentException()
          .isThrownBy(() -> norms.toCriterion(1))
          .withMessageContaining("found NaN for column 1");
    }
  }

  @Test
  void closedOnesAreRefused() {
    ColumnNorms norms = pruner.columnNorms(3);
    norms.close();
    norms.close();
    assertThatIllegalStateException().isThrownBy(() -> norms.add(new float[3], 0, 1));
    assertThatIllegalStateException().isThrownBy(norms::sums);
    try (ColumnNorms others = pruner.columnNorms(3)) {
      assertThatIllegalStateException().isThrownBy(() -> others.merge(norms));
      Arena arena = Arena.ofShared();
      WeightMatrix gone = Weights.random(arena, DType.F32, 1, 3, 1);
      arena.close();
      assertThatIllegalStateException().isThrownBy(() -> others.add(gone));
    }
  }

  @Test
  void noColumnsHaveNoSums() {
    try (ColumnNorms norms = pruner.columnNorms(0)) {
      norms.add(new float[0], 0, 5).add(Weights.random(DType.F16, 3, 0, 1));
      assertThat(norms.norms(1)).isEmpty();
    }
  }
}
