package io.github.wandacuda.testing.selection;

import io.github.wandacuda.DType;
import io.github.wandacuda.select.Selector;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** What holds for every selector's counts of magnitudes. */
public interface MagnitudesProperties extends SelectionProperties {
  /** Matrices of any place and size; of an empty one nothing is counted. */
  @Property
  default void magnitudesAreCounted(
      @ForAll DType dtype,
      @ForAll Values values,
      @ForAll PlacedMatrix.Layout layout,
      @ForAll @IntRange(max = 40) int rows,
      @ForAll @IntRange(max = 200) int columns,
      @ForAll long seed) {
    int[][] bits = values.matrix(new SplittableRandom(seed), dtype, rows, columns);
    PlacedMatrix matrix = PlacedMatrix.of(layout, dtype, rows, columns).filled(bits);
    MagnitudeCounts expected = MagnitudeCounts.of(dtype, bits);
    each((name, selector) -> expected.check(name, selector, matrix));
  }

  /** NaN and infinities. */
  @Property
  default void aMagnitudeThatIsNotFiniteIsFound(
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
    each(
        (name, selector) ->
            matrix.checkNamed(
                () ->
                    selector.countMagnitudes(
                        matrix.view(), OptionalInt.empty(), new long[Selector.UPPER_BINS])));
  }
}
