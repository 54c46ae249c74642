package io.github.wandacuda.testing.selection;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.DType;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import java.util.List;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Reporter;
import net.jqwik.api.constraints.IntRange;

/** What holds for every selector of N of each M columns: it does what the oracle says. */
public interface SelectGroupsProperties extends SelectionProperties {
  /** All widths up to 600 columns, equal scores in the last words. */
  @Example
  default void groupsOfSmallMatrices(Reporter reporter) {
    checkSmallMatrices(reporter, LowestPerGroup.class);
  }

  /** Rows that the CPU's kernels pruned wrongly once. */
  @Example
  default void tiedGroupsInAShortLastWord() {
    List<TiedGroups> rows = TiedGroups.read();
    assertThat(rows).hasSize(3);
    each((name, selector) -> rows.forEach(row -> row.check(name, selector)));
  }

  /** Groups of any size that has a kernel for small ones, of any place. */
  @Property
  default void theLowestOfEachGroupGo(
      @ForAll DType dtype,
      @ForAll Values values,
      @ForAll Norms norms,
      @ForAll PlacedMatrix.Layout from,
      @ForAll PlacedMatrix.Layout to,
      @ForAll @IntRange(max = 4) int rows,
      @ForAll @IntRange(max = 20) int groups,
      @ForAll @IntRange(min = 2, max = 32) int size,
      @ForAll @IntRange(max = 30) int pruned,
      @ForAll long seed) {
    SelectionRule rule = new LowestPerGroup(1 + pruned % (size - 1), size);
    check(dtype, values, norms, from, to, rows, groups * size, rule, seed);
  }

  /** Groups that GPUs search as they do rows. */
  @Property
  default void largeGroupsAreLikeRows(
      @ForAll DType dtype,
      @ForAll Values values,
      @ForAll Norms norms,
      @ForAll @IntRange(min = 33, max = 300) int size,
      @ForAll @IntRange(max = 298) int pruned,
      @ForAll long seed) {
    SelectionRule rule = new LowestPerGroup(1 + pruned % (size - 1), size);
    check(dtype, values, norms, 2, 3 * size, rule, seed);
  }

  /** NaN and infinities. */
  @Property
  default void anElementOfAGroupThatIsNotFiniteIsFound(
      @ForAll DType dtype,
      @ForAll PlacedMatrix.Layout layout,
      @ForAll @IntRange(min = 1, max = 70) int rows,
      @ForAll @IntRange(min = 1, max = 16) int groups,
      @ForAll @IntRange(min = 1, max = 3) int half,
      @ForAll boolean nan,
      @ForAll boolean negative,
      @ForAll long seed) {
    RandomGenerator random = new SplittableRandom(seed);
    int size = half == 3 ? 5 : 4 * half;
    NonFiniteMatrix matrix =
        NonFiniteMatrix.draw(random, layout, dtype, rows, groups * size, nan, negative);
    SelectionRule rule = new LowestPerGroup(size / 2, size);
    each((name, selector) -> matrix.checkSelection(selector, rule));
  }
}
