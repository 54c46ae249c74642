package io.github.wandacuda.testing.selection;

import io.github.wandacuda.DType;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Reporter;
import net.jqwik.api.constraints.IntRange;

/** What holds for every selector by a threshold: it does what the oracle says. */
public interface SelectThresholdProperties extends SelectionProperties {
  /** All widths up to 600 columns; each threshold is an element's score. */
  @Example
  default void thresholdsOfSmallMatrices(Reporter reporter) {
    checkSmallMatrices(reporter, AtMost.class);
  }

  /** Thresholds that are special, and scores of elements. */
  @Property
  default void whatIsNotAboveTheThresholdGoes(
      @ForAll DType dtype,
      @ForAll Values values,
      @ForAll Norms norms,
      @ForAll PlacedMatrix.Layout from,
      @ForAll PlacedMatrix.Layout to,
      @ForAll @IntRange(max = 4) int rows,
      @ForAll @IntRange(max = 200) int columns,
      @ForAll @IntRange(max = 7) int kind,
      @ForAll long seed) {
    RandomGenerator random = new SplittableRandom(seed);
    int[][] bits = values.matrix(random, dtype, rows, columns);
    float[] norm = norms.vector(random, columns);
    SelectionRule rule = new AtMost(threshold(kind, dtype, bits, columns, norm));
    checkAll(new SelectCase(dtype, bits, columns, norm, rule), from, to);
  }

  private static float threshold(int kind, DType dtype, int[][] bits, int columns, float[] norms) {
    return switch (kind) {
      case 0 -> 0.0f;
      case 1 -> -0.0f;
      case 2 -> -1.0f;
      case 3 -> Float.MIN_VALUE;
      case 4 -> Float.MAX_VALUE;
      default -> {
        if (bits.length == 0 || columns == 0) {
          yield 1.0f;
        }
        yield SelectOracle.threshold(dtype, bits[0], norms, kind * 31 % columns);
      }
    };
  }

  /** NaN and infinities, whatever the threshold. */
  @Property
  default void anElementThatIsNotFiniteIsFoundWhateverTheThreshold(
      @ForAll DType dtype,
      @ForAll PlacedMatrix.Layout layout,
      @ForAll @IntRange(min = 1, max = 70) int rows,
      @ForAll @IntRange(min = 1, max = 130) int columns,
      @ForAll boolean nan,
      @ForAll boolean negative,
      @ForAll boolean highest,
      @ForAll long seed) {
    RandomGenerator random = new SplittableRandom(seed);
    NonFiniteMatrix matrix =
        NonFiniteMatrix.draw(random, layout, dtype, rows, columns, nan, negative);
    SelectionRule rule = new AtMost(highest ? Float.MAX_VALUE : -1);
    each((name, selector) -> matrix.checkSelection(selector, rule));
  }
}
