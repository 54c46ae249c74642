package io.github.wandacuda.testing.selection;

import io.github.wandacuda.DType;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Reporter;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.constraints.IntRange;

/** What holds for every selector of the lowest of each row: it does what the oracle says. */
public interface SelectRowsProperties extends SelectionProperties {
  /** All widths from 1 to 600 columns, and long rows. */
  @Example
  default void rowsOfSmallMatrices(Reporter reporter) {
    checkSmallMatrices(reporter, LowestPerRow.class);
  }

  /** Rows of any place and size. */
  @Property
  default void theLowestOfEachRowGo(
      @ForAll DType dtype,
      @ForAll Values values,
      @ForAll Norms norms,
      @ForAll PlacedMatrix.Layout from,
      @ForAll PlacedMatrix.Layout to,
      @ForAll @IntRange(max = 40) int rows,
      @ForAll @IntRange(max = 200) int columns,
      @ForAll @IntRange(max = 200) int count,
      @ForAll long seed) {
    SelectionRule rule = new LowestPerRow(Math.min(count, columns));
    check(dtype, values, norms, from, to, rows, columns, rule, seed);
  }

  /** None, one, all but one, and all. */
  @Property
  default void countsAtTheEdgesAreNothingSpecial(
      @ForAll DType dtype,
      @ForAll Values values,
      @ForAll Norms norms,
      @ForAll @IntRange(min = 1, max = 70) int columns,
      @ForAll long seed) {
    for (int count : new int[] {0, 1, columns - 1, columns}) {
      check(dtype, values, norms, 3, columns, new LowestPerRow(count), seed);
    }
  }

  /** Rows that are searched by other code than narrow ones. */
  @Property(shrinking = ShrinkingMode.OFF)
  default void wideRowsAreSearchedExactly(
      @ForAll DType dtype,
      @ForAll Values values,
      @ForAll Norms norms,
      @ForAll @IntRange(min = 500, max = 5000) int columns,
      @ForAll @IntRange(max = 100) int percent,
      @ForAll long seed) {
    check(dtype, values, norms, 6, columns, new LowestPerRow(columns * percent / 100), seed);
  }

  /** NaN and infinities. */
  @Property
  default void anElementOfARowThatIsNotFiniteIsFound(
      @ForAll DType dtype,
      @ForAll PlacedMatrix.Layout layout,
      @ForAll @IntRange(min = 1, max = 70) int rows,
      @ForAll @IntRange(min = 1, max = 130) int columns,
      @ForAll boolean nan,
      @ForAll boolean negative,
      @ForAll long seed) {
    RandomGenerator random = new SplittableRandom(seed);
    NonFiniteMatrix matrix =
        NonFiniteMatrix.draw(random, layout, dtype, rows, columns, nan, negative);
    SelectionRule rule = new LowestPerRow(random.nextInt(columns + 1));
    each((name, selector) -> matrix.checkSelection(selector, rule));
  }
}
