package io.github.wandacuda.select.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.select.reference.AllKernels;
import io.github.wandacuda.testing.selection.PlacedMatrix;
import io.github.wandacuda.testing.selection.Select;
import io.github.wandacuda.testing.selection.Values;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class CpuSelectorTest {
  private static final SelectionRule ONE = new LowestPerRow(1);
  private final Selector selector = AllKernels.SCALAR.selector();

  @ParameterizedTest
  @EnumSource
  void aNormChangesWhatGoes(AllKernels kernels) {
    float[] weights = {4, -1, 2, -3};
    select(kernels, weights, new float[] {1, 10, 1, 1}, new LowestPerRow(2));
    assertThat(weights).containsExactly(4, -1, 0, 0);
  }

  @ParameterizedTest
  @EnumSource
  void ofEqualScoresTheLowestColumnsGo(AllKernels kernels) {
    float[] weights = {5, 1, -1, 1, 1, 0.5f};
    select(kernels, weights, null, new LowestPerRow(3));
    assertThat(weights).containsExactly(5, 0, 0, 1, 1, 0);
  }

  @ParameterizedTest
  @EnumSource
  void ofEqualScoresInAGroupTheLowestColumnsGo(AllKernels kernels) {
    float[] weights = {1, 1, 1, 1, 2, 1, 2, 1};
    select(kernels, weights, null, new LowestPerGroup(2, 4));
    assertThat(weights).containsExactly(0, 0, 1, 1, 2, 0, 2, 0);
  }

  @ParameterizedTest
  @EnumSource
  void aKeptNegativeZeroStaysOne(AllKernels kernels) {
    float[] weights = {-0.0f, 0.0f, -0.0f, 1};
    select(kernels, weights, null, new LowestPerRow(2));
    assertThat(Arrays.stream(bits(weights)).boxed())
        .isEqualTo(Arrays.stream(bits(0.0f, 0.0f, -0.0f, 1)).boxed().toList());
  }

  @ParameterizedTest
  @EnumSource
  void infiniteScoresAreTies(AllKernels kernels) {
    float[] weights = {3e38f, 2e38f, 1, 3e38f};
    select(kernels, weights, new float[] {10, 10, 1, 10}, new LowestPerRow(3));
    assertThat(weights).containsExactly(0, 0, 0, 3e38f);
  }

  @ParameterizedTest
  @EnumSource
  void subnormalScoresAreToldApart(AllKernels kernels) {
    float[] weights = {3e-39f, 2e-39f, 1e-39f, 4e-39f};
    select(kernels, weights, new float[] {1, 1, 1, 1}, new LowestPerRow(2));
    assertThat(weights).containsExactly(3e-39f, 0, 0, 4e-39f);
  }

  /** The rows of a call are searched from their predecessor's limit; none may depend on it. */
  @ParameterizedTest
  @EnumSource
  void rowsDoNotDependOnEachOther(AllKernels kernels) {
    int columns = 600;
    int[][] bits = Values.SCALED_ROWS.matrix(new SplittableRandom(7), DType.F32, 8, columns);
    PlacedMatrix together = PlacedMatrix.of(PlacedMatrix.Layout.DENSE, DType.F32, 8, columns);
    PlacedMatrix apart = PlacedMatrix.of(PlacedMatrix.Layout.DENSE, DType.F32, 8, columns);
    WeightMatrix all = together.filled(bits).view();
    WeightMatrix each = apart.filled(bits).view();
    SelectionRule rule = new LowestPerRow(columns / 2);
    Select.once(kernels.selector(), all, null, rule, all, null);
    for (int r = 7; r >= 0; r--) {
      WeightMatrix row = each.rows(r, 1);
      Select.once(kernels.selector(), row, null, rule, row, null);
    }
    assertThat(together.bytes()).isEqualTo(apart.bytes());
  }

  /** More elements than are looked at one by one have scores with the same upper half. */
  @ParameterizedTest
  @EnumSource
  void scoresThatDifferInTheirLastBitsAreToldApart(AllKernels kernels) {
    SplittableRandom random = new SplittableRandom(9);
    int[][] bits = new int[4][1000];
    for (int[] row : bits) {
      Arrays.setAll(row, c -> Float.floatToRawIntBits(1.5f) + random.nextInt(400));
    }
    PlacedMatrix found = PlacedMatrix.of(PlacedMatrix.Layout.DENSE, DType.F32, 4, 1000);
    PlacedMatrix expected = PlacedMatrix.of(PlacedMatrix.Layout.DENSE, DType.F32, 4, 1000);
    WeightMatrix matrix = found.filled(bits).view();
    WeightMatrix alike = expected.filled(bits).view();
    Select.once(kernels.selector(), matrix, null, new LowestPerRow(333), matrix, null);
    Select.once(selector, alike, null, new LowestPerRow(333), alike, null);
    assertThat(found.bytes()).isEqualTo(expected.bytes());
  }

  /**
   * Rows of a matrix in which no group, a few, or all have scores at the limit that only their last
   * bits tell apart, or nothing does, by turns: each kind follows each other one.
   */
  @ParameterizedTest
  @EnumSource
  void groupsWithScoresAlikeAreToldApart(AllKernels kernels) {
    SplittableRandom random = new SplittableRandom(10);
    int columns = 1000;
    float[] norms = new float[columns];
    for (int c = 0; c < columns; c++) {
      norms[c] = 1 + random.nextInt(5) * 0x1p-12f;
    }
    for (DType dtype : List.of(DType.BF16, DType.F16)) {
      for (LowestPerGroup rule : List.of(new LowestPerGroup(2, 4), new LowestPerGroup(4, 8))) {
        int[][] bits = new int[200][];
        Arrays.setAll(bits, r -> rowWithTies(random, columns, r * 7 % 32 / 8, dtype));
        PlacedMatrix found = PlacedMatrix.of(PlacedMatrix.Layout.DENSE, dtype, 200, columns);
        PlacedMatrix expected = PlacedMatrix.of(PlacedMatrix.Layout.DENSE, dtype, 200, columns);
        WeightMatrix matrix = found.filled(bits).view();
        WeightMatrix alike = expected.filled(bits).view();
        Selection selection = Select.once(kernels.selector(), matrix, norms, rule, matrix, null);
        assertThat(selection).isEqualTo(Select.once(selector, alike, norms, rule, alike, null));
        assertThat(found.bytes()).isEqualTo(expected.bytes());
      }
    }
  }

  private static int[] rowWithTies(SplittableRandom random, int columns, int kind, DType dtype) {
    int[] row = new int[columns];
    int one = dtype == DType.BF16 ? 0x3f80 : 0x3c00;
    for (int c = 0; c < columns; c++) {
      row[c] =
          switch (kind) {
            case 0 -> one + random.nextInt(1 << 9);
            case 1 -> c / 8 % 17 == 0 ? one : one + random.nextInt(1 << 9);
            case 2 -> one;
            default -> random.nextInt(3) * one / 2;
          };
    }
    return row;
  }

  @ParameterizedTest
  @EnumSource
  void aPlanKeepsTheNormsThatItWasMadeWith(AllKernels kernels) {
    float[] norms = {1, 1, 1, 10};
    try (SelectionPlan plan =
        kernels.selector().prepare(DType.F32, 4, norms, new LowestPerRow(2))) {
      for (int i = 0; i < 2; i++) {
        float[] weights = {3, 2, 1, 1};
        WeightMatrix matrix = WeightMatrix.of(MemorySegment.ofArray(weights), DType.F32, 1, 4);
        plan.select(matrix, matrix, null);
        assertThat(weights).containsExactly(3, 0, 0, 1);
        norms[3] = 0.1f;
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void plansOfOneSelectorDoNotMix(AllKernels kernels) {
    Selector one = kernels.selector();
    for (float[] kept : new float[][] {{0, 2, 0, 1}, {3, 2, 0, 0}}) {
      float[] norms = {kept[0] == 0 ? 0.1f : 1, 1, 1, kept[3] == 0 ? 0.1f : 10};
      float[] weights = {3, 2, 1, 1};
      WeightMatrix matrix = WeightMatrix.of(MemorySegment.ofArray(weights), DType.F32, 1, 4);
      Select.once(one, matrix, norms, new LowestPerRow(2), matrix, null);
      assertThat(weights).containsExactly(kept);
    }
  }

  @Test
  void aPlanIsForOneTypeAndWidth() {
    try (SelectionPlan plan = selector.prepare(DType.F16, 3, null, ONE)) {
      for (WeightMatrix other : List.of(matrix(DType.BF16, 2, 3), matrix(DType.F16, 2, 2))) {
        assertThatThrownBy(() -> plan.select(other, other, null))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageStartingWith("the plan is for 3 columns of F16, the source has ");
      }
    }
  }

  @Test
  void callsMayOverlap() throws InterruptedException {
    SelectionPlan shared = AllKernels.VECTOR_256.selector().prepare(DType.BF16, 512, null, ONE);
    int[][] bits = Values.GAUSSIAN.matrix(new SplittableRandom(8), DType.BF16, 64, 512);
    List<PlacedMatrix> copies =
        IntStream.range(0, 4)
            .mapToObj(
                i -> PlacedMatrix.of(PlacedMatrix.Layout.DENSE, DType.BF16, 64, 512).filled(bits))
            .toList();
    List<Thread> threads =
        copies.stream()
            .map(PlacedMatrix::view)
            .map(m -> Thread.ofPlatform().start(() -> shared.select(m, m, null)))
            .toList();
    for (Thread thread : threads) {
      thread.join();
    }
    PlacedMatrix expected = PlacedMatrix.of(PlacedMatrix.Layout.DENSE, DType.BF16, 64, 512);
    WeightMatrix alone = expected.filled(bits).view();
    Select.once(selector, alone, null, ONE, alone, null);
    assertThat(copies).allSatisfy(c -> assertThat(c.bytes()).isEqualTo(expected.bytes()));
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, -1.0f})
  void aNormThatIsNoNormIsRefused(float norm) {
    WeightMatrix matrix = matrix(DType.F32, 2, 3);
    assertThatThrownBy(
            () -> Select.once(selector, matrix, new float[] {1, norm, 1}, ONE, matrix, null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("norm 1 is " + norm);
  }

  @Test
  void normsMustBeAsManyAsColumns() {
    WeightMatrix matrix = matrix(DType.F32, 2, 3);
    assertThatThrownBy(() -> Select.once(selector, matrix, new float[2], ONE, matrix, null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("2 norms for 3 columns");
  }

  @Test
  void theDestinationMustBeOfTheSameShapeAndType() {
    WeightMatrix matrix = matrix(DType.F16, 2, 3);
    for (WeightMatrix other :
        List.of(matrix(DType.BF16, 2, 3), matrix(DType.F16, 3, 3), matrix(DType.F16, 2, 2))) {
      assertThatThrownBy(() -> Select.once(selector, matrix, null, ONE, other, null))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("source is 2 x 3 F16, destination ");
    }
  }

  @Test
  void theMaskMustHaveRoom() {
    WeightMatrix matrix = matrix(DType.F32, 3, 9);
    MemorySegment mask = MemorySegment.ofArray(new byte[5]);
    assertThatThrownBy(() -> Select.once(selector, matrix, null, ONE, matrix, mask))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the mask needs 6 bytes, its memory has 5");
  }

  @Test
  void aRuleMustFitTheColumns() {
    WeightMatrix matrix = matrix(DType.F32, 2, 6);
    assertThatThrownBy(() -> Select.once(selector, matrix, null, new LowestPerRow(7), matrix, null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("7 of a row's 6 columns can't be pruned");
    assertThatThrownBy(
            () -> Select.once(selector, matrix, null, new LowestPerGroup(2, 4), matrix, null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("6 columns are no multiple of the pattern's 4");
  }

  @Test
  void aMatrixWithoutElementsHasNothingToPrune() {
    for (WeightMatrix empty : List.of(matrix(DType.BF16, 0, 8), matrix(DType.BF16, 8, 0))) {
      for (SelectionRule rule :
          List.of(new LowestPerRow(0), new LowestPerGroup(2, 4), new AtMost(1))) {
        float[] norms = new float[empty.columns()];
        MemorySegment mask = Arena.ofAuto().allocate(0);
        assertThat(Select.once(selector, empty, norms, rule, empty, mask))
            .isEqualTo(new Selection(0, 0));
      }
    }
  }

  @Test
  void countsMustHaveAllBins() {
    WeightMatrix matrix = matrix(DType.F32, 1, 1);
    assertThatThrownBy(() -> selector.countMagnitudes(matrix, new long[7]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("7 counts for 32768 bins");
    assertThatThrownBy(() -> selector.countMagnitudes(matrix, 0, new long[7]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("7 counts for 65536 bins");
    assertThatThrownBy(
            () -> selector.countMagnitudes(matrix, 1 << 15, new long[Selector.LOWER_BINS]))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }

  private static void select(
      AllKernels kernels, float[] weights, float[] norms, SelectionRule rule) {
    WeightMatrix matrix =
        WeightMatrix.of(MemorySegment.ofArray(weights), DType.F32, 1, weights.length);
    Select.once(kernels.selector(), matrix, norms, rule, matrix, null);
  }

  private static int[] bits(float... values) {
    return IntStream.range(0, values.length).map(i -> Float.floatToRawIntBits(values[i])).toArray();
  }

  private static WeightMatrix matrix(DType dtype, int rows, int columns) {
    return WeightMatrix.of(
        Arena.ofAuto().allocate((long) rows * columns * dtype.bytes()), dtype, rows, columns);
  }
}
