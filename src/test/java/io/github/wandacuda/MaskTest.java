package io.github.wandacuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Packed masks beside arrays of booleans. */
class MaskTest {
  private static final int ROWS = 5;

  private static boolean[][] random(int columns, long seed) {
    Random random = new Random(seed);
    boolean[][] kept = new boolean[ROWS][columns];
    for (boolean[] row : kept) {
      for (int column = 0; column < columns; column++) {
        row[column] = random.nextBoolean();
      }
    }
    return kept;
  }

  private static Mask mask(boolean[][] kept) {
    Mask mask = Mask.allocate(kept.length, kept[0].length);
    for (int row = 0; row < kept.length; row++) {
      for (int column = 0; column < kept[row].length; column++) {
        mask.set(row, column, kept[row][column]);
      }
    }
    return mask;
  }

  private static void check(Mask mask, boolean[][] kept) {
    long count = 0;
    for (int row = 0; row < kept.length; row++) {
      for (int column = 0; column < kept[row].length; column++) {
        assertThat(mask.isKept(row, column)).as("%d %d", row, column).isEqualTo(kept[row][column]);
        count += kept[row][column] ? 1 : 0;
      }
    }
    assertThat(mask.kept()).isEqualTo(count);
    assertThat(mask.pruned()).isEqualTo((long) kept.length * kept[0].length - count);
  }

  @Test
  void bitsArePackedFromTheLowestOn() {
    Mask mask = Mask.allocate(2, 10);
    assertThat(mask.bits().toArray(ValueLayout.JAVA_BYTE)).containsExactly(-1, 3, -1, 3);
    mask.set(1, 0, false);
    mask.set(1, 9, false);
    mask.set(0, 4, false);
    mask.set(0, 5, false);
    mask.set(0, 5, true);
    assertThat(mask.bits().toArray(ValueLayout.JAVA_BYTE)).containsExactly(0xef - 256, 3, -2, 1);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 8, 9, 60, 63, 64, 65, 100, 128, 130})
  void countsAndCombinationsAreThoseOfBooleans(int columns) {
    boolean[][] one = random(columns, 1);
    boolean[][] other = random(columns, 2);
    boolean[][] both = new boolean[ROWS][columns];
    boolean[][] either = new boolean[ROWS][columns];
    for (int row = 0; row < ROWS; row++) {
      for (int column = 0; column < columns; column++) {
        both[row][column] = one[row][column] & other[row][column];
        either[row][column] = one[row][column] | other[row][column];
      }
    }
    check(mask(one), one);
    check(mask(one).and(mask(other)), both);
    check(mask(one).or(mask(other)), either);
    check(Mask.allocate(ROWS, columns).and(mask(one)), one);
  }

  /** What fills a row's last byte may be anything in memory of the caller's. */
  @Test
  void paddingIsPassedOver() {
    byte[] bytes = {0x55, -1, 0x55, -4};
    Mask mask = Mask.of(MemorySegment.ofArray(bytes), 2, 10);
    assertThat(mask.kept()).isEqualTo(4 + 2 + 4 + 0);
    Mask all = Mask.allocate(2, 10);
    assertThat(mask.and(all).bits().toArray(ValueLayout.JAVA_BYTE))
        .containsExactly(0x55, 3, 0x55, 0);
    assertThat(mask.or(mask).bits().toArray(ValueLayout.JAVA_BYTE))
        .containsExactly(0x55, 3, 0x55, 0);
    float[] weights = new float[20];
    Arrays.fill(weights, 1);
    mask.applyTo(WeightMatrix.of(MemorySegment.ofArray(weights), DType.F32, 2, 10));
    assertThat(weights).containsExactly(1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 0, 0, 0);
  }

  @ParameterizedTest
  @EnumSource
  void prunedWeightsBecomeZeroAndOthersKeepTheirBits(DType dtype) {
    int columns = 70;
    boolean[][] kept = random(columns, 3);
    byte[] bytes = new byte[2 * ROWS * columns * dtype.bytes()];
    new Random(4).nextBytes(bytes);
    byte[] expected = bytes.clone();
    MemorySegment memory = MemorySegment.ofArray(bytes);
    WeightMatrix view = new WeightMatrix(memory, dtype, ROWS, columns, 1, ROWS + 2);
    for (int row = 0; row < ROWS; row++) {
      for (int column = 0; column < columns; column++) {
        for (int i = 0; i < dtype.bytes() && !kept[row][column]; i++) {
          expected[(int) view.byteOffset(row, column) + i] = 0;
        }
      }
    }
    mask(kept).applyTo(view);
    assertThat(bytes).isEqualTo(expected);
  }

  @Test
  void whatDoesNotFitIsRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Mask.allocate(-1, 4))
        .withMessage("mask: expected sizes of at least 0, found -1 x 4");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Mask.allocate(Integer.MAX_VALUE, 16))
        .withMessageContaining("on the heap");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Mask.of(MemorySegment.ofArray(new byte[3]), 2, 10))
        .withMessage("bits: expected 4 bytes for a mask of 2 x 10, found 3");
    assertThatNullPointerException().isThrownBy(() -> Mask.of(null, 1, 1)).withMessage("bits");
    Mask mask = Mask.allocate(2, 10);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> mask.and(Mask.allocate(2, 11)))
        .withMessage("other: expected 2 x 10 as the mask, found 2 x 11");
    assertThatThrownBy(() -> mask.isKept(2, 0)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> mask.isKept(0, 10)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> mask.set(0, -1, true)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThat(Mask.of(MemorySegment.ofArray(new byte[9]), 2, 10).bits().byteSize()).isEqualTo(4);
    assertThat(Mask.allocate(0, 10).kept() + Mask.allocate(10, 0).pruned()).isZero();
  }

  @Test
  void applyingChecksBeforeItChanges() {
    Mask none = mask(new boolean[2][8]);
    MemorySegment memory = MemorySegment.ofArray(new byte[100]).fill((byte) 1);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> none.applyTo(WeightMatrix.of(memory, DType.F32, 8, 2)))
        .withMessage("weight: expected 2 x 8 as the mask, found 8 x 2");
    WeightMatrix weight = WeightMatrix.of(memory, DType.F32, 2, 8);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> none.applyTo(WeightMatrix.of(memory.asReadOnly(), DType.F32, 2, 8)))
        .withMessageContaining("read-only");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Mask.of(memory.asSlice(62), 2, 8).applyTo(weight))
        .withMessageContaining("found an overlap");
    Mask.of(memory.asSlice(64), 2, 8);
    Arena arena = Arena.ofShared();
    MemorySegment gone = arena.allocate(64);
    Mask goneMask = Mask.of(gone, 2, 8);
    arena.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> none.applyTo(WeightMatrix.of(gone, DType.F32, 2, 8)));
    assertThatIllegalStateException().isThrownBy(() -> goneMask.applyTo(weight));
    assertThatNullPointerException().isThrownBy(() -> none.applyTo(null));
    assertThat(memory.toArray(ValueLayout.JAVA_BYTE)).containsOnly(1);
  }
}
