package io.github.wandacuda.job;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.select.SelectionRule.Lowest;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.testing.selection.PlacedMatrix;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Compares the check that looks at words with one that looks at elements. */
class RowCheckTest {
  private static final int ROWS = 37;

  private static final Lowest[] RULES = {
    new LowestPerRow(0),
    new LowestPerRow(20),
    new LowestPerGroup(1, 2),
    new LowestPerGroup(2, 4),
    new LowestPerGroup(4, 8),
    new LowestPerGroup(15, 16),
    new LowestPerGroup(30, 64),
    new LowestPerGroup(60, 128),
    new LowestPerGroup(1, 3),
    new LowestPerGroup(2, 5),
  };

  /** What one row should be found to be, element by element. */
  private static final class Expected {
    private final int[] before;
    private final int[] after;
    private final Lowest rule;
    private final int sign;
    private final boolean[] kept;
    private boolean keepsOrZeroes = true;
    private boolean hasItsZeros = true;
    private int zeros;

    Expected(int[] before, int[] after, Lowest rule, DType dtype) {
      this.before = before;
      this.after = after;
      this.rule = rule;
      sign = dtype == DType.F32 ? 0x8000_0000 : 0x8000;
      kept = new boolean[before.length];
      int size = rule.groupSize(before.length);
      for (int from = 0; from < before.length; from += size) {
        group(from, from + size);
      }
    }

    private boolean isZero(int bits) {
      return (bits & ~sign) == 0;
    }

    private void group(int from, int to) {
      int found = 0;
      int changed = 0;
      for (int column = from; column < to; column++) {
        keepsOrZeroes &= after[column] == before[column] || after[column] == 0;
        found += isZero(after[column]) ? 1 : 0;
        changed += isZero(after[column]) && !isZero(before[column]) ? 1 : 0;
      }
      hasItsZeros &= found >= rule.perGroup();
      zeros += found;
      int left = rule.perGroup() - changed;
      for (int column = from; column < to; column++) {
        kept[column] = !isZero(after[column]) || (isZero(before[column]) && left-- <= 0);
      }
    }
  }

  private static int value(DType dtype, Random random, int zeroShare) {
    int sign = dtype == DType.F32 ? 0x8000_0000 : 0x8000;
    int greatest = sign - 1;
    int[] magnitudes = {1, 2, greatest, greatest - 1, 0x7f80, 0x7c00, 0x0100, 0x4000};
    int magnitude =
        random.nextInt(100) < zeroShare ? 0 : magnitudes[random.nextInt(magnitudes.length)];
    return magnitude | (random.nextBoolean() ? sign : 0);
  }

  @ParameterizedTest
  @EnumSource
  void agreesWithOneThatLooksAtElements(DType dtype) {
    Random random = new Random(7);
    int[] seen = new int[4];
    for (PlacedMatrix.Layout layout : PlacedMatrix.Layout.values()) {
      for (int columns : new int[] {1, 2, 3, 5, 8, 31, 32, 63, 64, 65, 120, 128, 129, 192, 320}) {
        for (Lowest rule : RULES) {
          if (columns % rule.groupSize(columns) == 0) {
            compare(dtype, layout, columns, rule, random, seen);
          }
        }
      }
    }
    assertThat(seen).as("rows that were right and wrong, with and without zeros").doesNotContain(0);
  }

  private static void compare(
      DType dtype,
      PlacedMatrix.Layout layout,
      int columns,
      Lowest given,
      Random random,
      int[] seen) {
    Lowest rule =
        given instanceof LowestPerRow
            ? new LowestPerRow(Math.min(columns, given.perGroup()))
            : given;
    int[][] before = new int[ROWS][columns];
    int[][] after = new int[ROWS][columns];
    for (int row = 0; row < ROWS; row++) {
      int ownZeros = row % 3 == 0 ? 0 : 30;
      for (int column = 0; column < columns; column++) {
        before[row][column] = value(dtype, random, ownZeros);
        boolean pruned = random.nextInt(100) < 10 + row * 2;
        after[row][column] = pruned ? 0 : before[row][column];
      }
      if (row % 5 == 0) {
        int column = random.nextInt(columns);
        after[row][column] = value(dtype, random, 50);
      }
    }
    PlacedMatrix dense = PlacedMatrix.of(layout, dtype, ROWS, columns).filled(before);
    PlacedMatrix pruned = PlacedMatrix.of(layout, dtype, ROWS, columns).filled(after);
    RowCheck check = new RowCheck(dtype, columns, rule, false);
    long rowBytes = Selector.maskRowBytes(columns);
    byte[] mask = new byte[(int) (ROWS * rowBytes)];
    Arrays.fill(mask, (byte) 0x5a);
    for (int row = 0; row < ROWS; row++) {
      Expected expected = new Expected(before[row], after[row], rule, dtype);
      check.read(dense.view(), pruned.view(), row);
      String what = "%s, %d columns, %s, row %d".formatted(layout, columns, rule, row);
      assertThat(check.keepsOrZeroes()).as(what).isEqualTo(expected.keepsOrZeroes);
      assertThat(check.hasItsZeros()).as(what).isEqualTo(expected.hasItsZeros);
      assertThat(check.zeros()).as(what).isEqualTo(expected.zeros);
      check.writeMask(MemorySegment.ofArray(mask), row);
      byte[] bits = new byte[(int) rowBytes];
      int kept = 0;
      for (int column = 0; column < columns; column++) {
        bits[column / 8] |= (byte) (expected.kept[column] ? 1 << column % 8 : 0);
        kept += expected.kept[column] ? 1 : 0;
      }
      int start = (int) (row * rowBytes);
      assertThat(Arrays.copyOfRange(mask, start, start + bits.length)).as(what).isEqualTo(bits);
      assertThat(check.pruned()).as(what).isEqualTo(columns - kept);
      seen[expected.keepsOrZeroes ? 0 : 1]++;
      seen[expected.hasItsZeros ? 2 : 3]++;
    }
  }
}
