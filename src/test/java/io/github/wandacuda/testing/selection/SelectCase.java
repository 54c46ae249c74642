package io.github.wandacuda.testing.selection;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * One selection, and what comes of it.
 *
 * @param dtype the elements' type
 * @param bits the elements, row by row
 * @param columns elements in a row
 * @param norms the columns' norms, or null
 * @param rule what is pruned
 */
public record SelectCase(
    DType dtype, int[][] bits, int columns, float[] norms, SelectionRule rule) {
  private static final byte UNTOUCHED = 0x33;
  private static final int AFTER_MASK = 3;

  /**
   * Checks what a selector writes, with and without a mask, to another matrix and to the source
   * itself, and that doing so again changes nothing.
   */
  public void check(
      String name, Selector selector, PlacedMatrix.Layout from, PlacedMatrix.Layout to) {
    try (SelectionPlan plan = selector.prepare(dtype, columns, norms, rule)) {
      check(name, plan, from, to);
    }
  }

  private void check(
      String name, SelectionPlan plan, PlacedMatrix.Layout from, PlacedMatrix.Layout to) {
    boolean[][] picked = SelectOracle.picked(dtype, bits, norms, rule);
    PlacedMatrix source = matrix(from).filled(bits);
    byte[] sourceBytes = source.bytes();

    PlacedMatrix destination = matrix(to);
    byte[] expected = cleared(destination.copy().filled(bits), picked);
    MemorySegment mask = Arena.ofAuto().allocate(maskBytes() + AFTER_MASK);
    mask.fill(UNTOUCHED);
    Selection count = plan.select(source.view(), destination.view(), mask);
    assertThat(count.pruned()).as(name).isEqualTo(count(picked));
    assertThat(count.zeros()).as(name).isEqualTo(zeros(picked));
    assertThat(destination.bytes()).as(name).isEqualTo(expected);
    assertThat(mask.toArray(ValueLayout.JAVA_BYTE)).as(name).isEqualTo(packed(picked));
    assertThat(source.bytes()).as(name + ": the source").isEqualTo(sourceBytes);

    Selection again = plan.select(destination.view(), destination.view(), mask);
    assertThat(again.pruned()).as(name + ": again").isGreaterThanOrEqualTo(count.pruned());
    assertThat(again.zeros()).as(name + ": again").isEqualTo(count.zeros());
    assertThat(destination.bytes()).as(name + ": again").isEqualTo(expected);

    byte[] expectedInPlace = cleared(source.copy(), picked);
    plan.select(source.view(), source.view(), null);
    assertThat(source.bytes()).as(name + ": in place").isEqualTo(expectedInPlace);
  }

  private PlacedMatrix matrix(PlacedMatrix.Layout layout) {
    return PlacedMatrix.of(layout, dtype, bits.length, columns);
  }

  private byte[] cleared(PlacedMatrix matrix, boolean[][] picked) {
    for (int r = 0; r < bits.length; r++) {
      for (int c = 0; c < columns; c++) {
        if (picked[r][c]) {
          matrix.set(r, c, 0);
        }
      }
    }
    return matrix.bytes();
  }

  private static long count(boolean[][] picked) {
    long count = 0;
    for (boolean[] row : picked) {
      for (boolean goes : row) {
        count += goes ? 1 : 0;
      }
    }
    return count;
  }

  /** Returns how many elements are zero once the picked ones are. */
  private long zeros(boolean[][] picked) {
    long zeros = 0;
    for (int r = 0; r < bits.length; r++) {
      for (int c = 0; c < columns; c++) {
        zeros += picked[r][c] || SelectOracle.magnitude(dtype, bits[r][c]) == 0 ? 1 : 0;
      }
    }
    return zeros;
  }

  private int maskBytes() {
    return bits.length * ((columns + 7) / 8);
  }

  private byte[] packed(boolean[][] picked) {
    byte[] packed = new byte[maskBytes() + AFTER_MASK];
    for (int i = maskBytes(); i < packed.length; i++) {
      packed[i] = UNTOUCHED;
    }
    for (int r = 0; r < bits.length; r++) {
      for (int c = 0; c < columns; c++) {
        if (!picked[r][c]) {
          packed[r * ((columns + 7) / 8) + c / 8] |= (byte) (1 << c % 8);
        }
      }
    }
    return packed;
  }
}
