package io.github.wandacuda.testing.selection;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.select.Selector;
import java.util.Arrays;
import java.util.OptionalInt;

/**
 * How often a matrix has each magnitude, counted one by one.
 *
 * @param upper elements by the upper half of their magnitude's bits
 * @param bin an upper half that the last element has
 * @param lower elements of that upper half by the lower half
 */
public record MagnitudeCounts(long[] upper, int bin, long[] lower) {
  private static final long BEFORE = 7;

  public static MagnitudeCounts of(DType dtype, int[][] bits) {
    int[] magnitudes =
        Arrays.stream(bits)
            .flatMapToInt(Arrays::stream)
            .map(element -> Float.floatToIntBits((float) SelectOracle.magnitude(dtype, element)))
            .toArray();
    int bin = magnitudes.length == 0 ? 0 : magnitudes[magnitudes.length - 1] >>> 16;
    long[] upper = new long[Selector.UPPER_BINS];
    long[] lower = new long[Selector.LOWER_BINS];
    for (int magnitude : magnitudes) {
      upper[magnitude >>> 16]++;
      lower[magnitude & 0xffff] += magnitude >>> 16 == bin ? 1 : 0;
    }
    return new MagnitudeCounts(upper, bin, lower);
  }

  /** Checks that a selector adds these to what was counted before, and changes no element. */
  public void check(String name, Selector selector, PlacedMatrix matrix) {
    byte[] bytes = matrix.bytes();
    long[] uppers = new long[Selector.UPPER_BINS];
    Arrays.fill(uppers, BEFORE);
    selector.countMagnitudes(matrix.view(), OptionalInt.empty(), uppers);
    assertSame(name + ", upper", uppers, upper);
    long[] lowers = new long[Selector.LOWER_BINS];
    Arrays.fill(lowers, BEFORE);
    selector.countMagnitudes(matrix.view(), OptionalInt.of(bin), lowers);
    assertSame(name + ", lower of " + bin, lowers, lower);
    assertThat(matrix.bytes()).as(name).isEqualTo(bytes);
  }

  private static void assertSame(String name, long[] found, long[] expected) {
    for (int i = 0; i < expected.length; i++) {
      if (found[i] != expected[i] + BEFORE) {
        assertThat(found[i]).as("%s, bin %d", name, i).isEqualTo(expected[i] + BEFORE);
      }
    }
  }
}
