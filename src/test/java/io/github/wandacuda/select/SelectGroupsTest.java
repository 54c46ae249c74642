package io.github.wandacuda.select;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Tier;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.selection.GoldenSelection;
import io.github.wandacuda.testing.selection.Norms;
import io.github.wandacuda.testing.selection.Values;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** N of each M columns, the lowest. */
@EachBackend
class SelectGroupsTest extends SelectionCases {
  SelectGroupsTest(OpenedBackend backend) {
    super(backend);
  }

  @Test
  void ofEqualScoresInAGroupTheLowestColumnsGo() {
    float[] weights = {1, 1, 1, 1, 2, 1, 2, 1};
    select(weights, null, new LowestPerGroup(2, 4));
    assertThat(weights).containsExactly(0, 0, 1, 1, 2, 0, 2, 0);
  }

  @Test
  void aMatrixWithoutElementsHasNothingToPrune() {
    checkWithoutElements(new LowestPerGroup(2, 4));
  }

  /**
   * A group, a few, and enough of them for several blocks of threads; on OpenCL fewer, since PoCL
   * compiles for each size of a work-group anew, and not each size unless all is tested.
   */
  @ParameterizedTest
  @EnumSource
  @FirstCases(1)
  void everySizeOfGroupAgrees(DType dtype) {
    int most = which().isOpenCl() ? 200 : 2000;
    int step = which().isOpenCl() && !Tier.isAll() ? 5 : 1;
    for (int size = 2; size <= 33; size += step) {
      for (int groups : new int[] {1, 5, 1 + most / size}) {
        LowestPerGroup rule = new LowestPerGroup(1 + random.nextInt(size - 1), size);
        Values values = one(Values.values(), random);
        Norms norms = one(Norms.values(), random);
        check(random, dtype, values, norms, 3, groups * size, rule);
      }
    }
  }

  /** Equal scores, zeros, subnormal ones and all others, in as many groups as fit a small row. */
  @ParameterizedTest
  @ValueSource(
      ints = {
        2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
        27, 28, 29, 30, 31, 32, 33, 64, 255
      })
  @FirstCases(12)
  void everyKindOfGroupAgrees(int size) {
    DType dtype = DType.values()[size % DType.values().length];
    for (int i = 0; i < 2; i++) {
      int groups = 1 + random.nextInt(256 / size);
      LowestPerGroup rule = new LowestPerGroup(1 + random.nextInt(size - 1), size);
      checkAllValues(random, dtype, 3, groups * size, rule);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 8})
  void asManyOfAGroupGoAsAsked(int size) {
    for (int pruned = 1; pruned < size; pruned++) {
      for (DType dtype : DType.values()) {
        checkAllValues(random, dtype, 2, 27 * size, new LowestPerGroup(pruned, size));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {64, 500, 3000})
  @FirstCases(1)
  void largeGroupsAgree(int size) {
    for (DType dtype : DType.values()) {
      checkAllValues(random, dtype, 2, 3 * size, new LowestPerGroup(size / 2, size));
    }
  }

  @ParameterizedTest
  @EnumSource
  void usualPatternsAgree(DType dtype) {
    for (int size : new int[] {2, 4, 8, 16, 32}) {
      LowestPerGroup rule = new LowestPerGroup(size / 2, size);
      check(random, dtype, Values.FEW, Norms.FEW, 5, 31 * size, rule);
      check(random, dtype, Values.GAUSSIAN, Norms.LOGNORMAL, 2, 4096, rule);
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyLayoutAgrees(DType dtype) {
    for (int size : new int[] {4, 8, 5, 40}) {
      checkAllLayouts(random, dtype, 5, 7 * size, new LowestPerGroup(size / 2, size));
    }
  }

  @ParameterizedTest
  @EnumSource
  void equalElementsGoByTheirColumns(DType dtype) {
    for (float value : new float[] {0, -0.0f, -1.5f, 0x1p-24f}) {
      for (int size : new int[] {4, 8, 5, 40}) {
        int[][] bits = filled(3, 13 * size, Values.bits(dtype, value));
        check(dtype, bits, null, new LowestPerGroup(1, size));
        check(dtype, bits, null, new LowestPerGroup(size - 1, size));
      }
    }
  }

  /**
   * Rows of a matrix in which no group, a few, or all have scores at the limit that only their last
   * bits tell apart, or nothing does, by turns: each kind follows each other one.
   */
  @ParameterizedTest
  @EnumSource(names = {"BF16", "F16"})
  void groupsWithScoresAlikeAreToldApart(DType dtype) {
    int columns = 1000;
    float[] norms = new float[columns];
    for (int c = 0; c < columns; c++) {
      norms[c] = 1 + random.nextInt(5) * 0x1p-12f;
    }
    int[][] bits = new int[200][];
    Arrays.setAll(bits, r -> rowWithTies(columns, r * 7 % 32 / 8, Values.bits(dtype, 1)));
    check(dtype, bits, norms, new LowestPerGroup(2, 4));
    check(dtype, bits, norms, new LowestPerGroup(4, 8));
  }

  private int[] rowWithTies(int columns, int kind, int one) {
    int[] row = new int[columns];
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

  @Test
  void manyRowsAgree() {
    LowestPerGroup rule = new LowestPerGroup(2, 4);
    check(random, DType.F16, Values.GAUSSIAN, Norms.LOGNORMAL, 3000, 40, rule);
  }

  /** A grid of CUDA's blocks is less than 65536 high. */
  @Test
  @Thorough
  void moreRowsThanAGridIsHighAgree() {
    LowestPerGroup rule = new LowestPerGroup(2, 4);
    check(random, DType.F16, Values.GAUSSIAN, Norms.FEW, 70_000, 4, rule);
  }

  @ParameterizedTest
  @EnumSource
  void anElementThatIsNotFiniteIsNamed(DType dtype) {
    checkNonFinite(dtype, 120, new LowestPerGroup(2, 4));
    checkNonFinite(dtype, 120, new LowestPerGroup(4, 8));
    checkNonFinite(dtype, 120, new LowestPerGroup(3, 5));
    checkNonFinite(dtype, 120, new LowestPerGroup(30, 40));
  }

  @ParameterizedTest
  @CsvSource({"2, 4", "4, 8"})
  void theMasksOfTheLittleLlamaAreWandas(int pruned, int size) {
    new GoldenSelection(selector()).groupsOfTinyLlama(pruned, size);
  }
}
