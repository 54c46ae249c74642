package io.github.wandacuda.testing.selection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Reporter;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.constraints.IntRange;

/** What holds for every selector: it does what the oracle says, to the bit. */
public abstract class SelectionProperties {
  /** Another one in each run; {@code -Dselection.seed=SEED} draws the same matrices again. */
  private static final long SEED = Long.getLong("selection.seed", System.nanoTime());

  /** Returns the selectors to test, by name. */
  protected abstract Map<String, Selector> selectors();

  /** Returns how many of the {@link SmallMatrices} each selector has time for. */
  protected abstract int smallMatrices();

  @Example
  void smallMatricesOfAllWidths(Reporter reporter) {
    reporter.publishValue("selection.seed", Long.toString(SEED));
    SmallMatrices matrices = new SmallMatrices(SEED);
    selectors().forEach((name, selector) -> matrices.check(name, selector, 0, smallMatrices(), 1));
  }

  /** Rows that the CPU's kernels pruned wrongly once. */
  @Example
  void tiedGroupsInAShortLastWord() {
    List<TiedGroups> rows = TiedGroups.read();
    assertThat(rows).hasSize(3);
    selectors().forEach((name, selector) -> rows.forEach(row -> row.check(name, selector)));
  }

  @Property
  void theLowestOfEachRowGo(
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

  @Property
  void countsAtTheEdgesAreNothingSpecial(
      @ForAll DType dtype,
      @ForAll Values values,
      @ForAll Norms norms,
      @ForAll @IntRange(min = 1, max = 70) int columns,
      @ForAll long seed) {
    for (int count : new int[] {0, 1, columns - 1, columns}) {
      SelectionRule rule = new LowestPerRow(count);
      PlacedMatrix.Layout dense = PlacedMatrix.Layout.DENSE;
      check(dtype, values, norms, dense, dense, 3, columns, rule, seed);
    }
  }

  @Property(shrinking = ShrinkingMode.OFF)
  void wideRowsAreSearchedExactly(
      @ForAll DType dtype,
      @ForAll Values values,
      @ForAll Norms norms,
      @ForAll @IntRange(min = 500, max = 5000) int columns,
      @ForAll @IntRange(max = 100) int percent,
      @ForAll long seed) {
    SelectionRule rule = new LowestPerRow(columns * percent / 100);
    PlacedMatrix.Layout dense = PlacedMatrix.Layout.DENSE;
    check(dtype, values, norms, dense, dense, 6, columns, rule, seed);
  }

  @Property
  void theLowestOfEachGroupGo(
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

  @Property
  void largeGroupsAreLikeRows(
      @ForAll DType dtype,
      @ForAll Values values,
      @ForAll Norms norms,
      @ForAll @IntRange(min = 33, max = 300) int size,
      @ForAll @IntRange(max = 298) int pruned,
      @ForAll long seed) {
    SelectionRule rule = new LowestPerGroup(1 + pruned % (size - 1), size);
    PlacedMatrix.Layout dense = PlacedMatrix.Layout.DENSE;
    check(dtype, values, norms, dense, dense, 2, 3 * size, rule, seed);
  }

  @Property
  void whatIsNotAboveTheThresholdGoes(
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

  @Property
  void anElementThatIsNotFiniteIsFound(
      @ForAll DType dtype,
      @ForAll PlacedMatrix.Layout layout,
      @ForAll @IntRange(min = 1, max = 70) int rows,
      @ForAll @IntRange(min = 1, max = 130) int columns,
      @ForAll boolean nan,
      @ForAll boolean negative,
      @ForAll long seed) {
    RandomGenerator random = new SplittableRandom(seed);
    PlacedMatrix matrix = PlacedMatrix.of(layout, dtype, rows, columns);
    matrix.filled(Values.ANY.matrix(random, dtype, rows, columns));
    int row = random.nextInt(rows);
    int column = random.nextInt(columns);
    int bits = Values.infinity(dtype) + (nan ? 1 : 0) | (negative ? Values.sign(dtype) : 0);
    int to = random.nextBoolean() ? columns : column + 1;
    for (int c = column; c < to; c++) {
      matrix.set(row, c, bits);
    }
    matrix.set(rows - 1, columns - 1, bits);
    // An infinite weight's score is no number where the norm is zero.
    float[] norms = new float[columns];
    for (int c = 0; c < columns; c++) {
      norms[c] = random.nextInt(2);
    }
    int size = columns % 8 == 0 && random.nextBoolean() ? 8 : 4;
    SelectionRule rule =
        columns % size == 0 && random.nextBoolean()
            ? new LowestPerGroup(size / 2, size)
            : new LowestPerRow(random.nextInt(columns + 1));
    for (Selector selector : selectors().values()) {
      PlacedMatrix destination = matrix.copy();
      assertThatThrownBy(
              () -> Select.once(selector, matrix.view(), norms, rule, destination.view(), null))
          .isInstanceOfSatisfying(
              NonFiniteWeightException.class, e -> assertPlace(e, row, column, nan, negative));
      assertThatThrownBy(
              () -> selector.countMagnitudes(matrix.view(), new long[Selector.UPPER_BINS]))
          .isInstanceOfSatisfying(
              NonFiniteWeightException.class, e -> assertPlace(e, row, column, nan, negative));
    }
  }

  @Property
  void magnitudesAreCounted(
      @ForAll DType dtype,
      @ForAll Values values,
      @ForAll PlacedMatrix.Layout layout,
      @ForAll @IntRange(max = 40) int rows,
      @ForAll @IntRange(max = 200) int columns,
      @ForAll long seed) {
    int[][] bits = values.matrix(new SplittableRandom(seed), dtype, rows, columns);
    PlacedMatrix matrix = PlacedMatrix.of(layout, dtype, rows, columns).filled(bits);
    long[] upper = new long[Selector.UPPER_BINS];
    long[] lower = new long[Selector.LOWER_BINS];
    int bin = 0;
    for (int[] row : bits) {
      for (int element : row) {
        double magnitude = SelectOracle.magnitude(dtype, element);
        int magnitudeBits = Float.floatToIntBits((float) magnitude);
        upper[magnitudeBits >>> 16]++;
        bin = magnitudeBits >>> 16;
      }
    }
    for (int[] row : bits) {
      for (int element : row) {
        int magnitudeBits = Float.floatToIntBits((float) SelectOracle.magnitude(dtype, element));
        lower[magnitudeBits & 0xffff] += magnitudeBits >>> 16 == bin ? 1 : 0;
      }
    }
    for (Selector selector : selectors().values()) {
      long[] uppers = new long[Selector.UPPER_BINS];
      long[] lowers = new long[Selector.LOWER_BINS];
      selector.countMagnitudes(matrix.view(), uppers);
      selector.countMagnitudes(matrix.view(), bin, lowers);
      assertThat(uppers).isEqualTo(upper);
      assertThat(lowers).isEqualTo(lower);
    }
  }

  private void check(
      DType dtype,
      Values values,
      Norms norms,
      PlacedMatrix.Layout from,
      PlacedMatrix.Layout to,
      int rows,
      int columns,
      SelectionRule rule,
      long seed) {
    RandomGenerator random = new SplittableRandom(seed);
    int[][] bits = values.matrix(random, dtype, rows, columns);
    float[] norm = norms.vector(random, columns);
    checkAll(new SelectCase(dtype, bits, columns, norm, rule), from, to);
  }

  private void checkAll(SelectCase selection, PlacedMatrix.Layout from, PlacedMatrix.Layout to) {
    selectors().forEach((name, selector) -> selection.check(name, selector, from, to));
  }

  /** Returns a threshold that is special, or the score of one of the elements. */
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
        int column = kind * 31 % columns;
        double norm = norms == null ? 1 : Math.abs(norms[column]);
        double score = SelectOracle.magnitude(dtype, bits[0][column]) * norm;
        yield Math.min((float) score, Float.MAX_VALUE);
      }
    };
  }

  private static void assertPlace(
      NonFiniteWeightException e, int row, int column, boolean nan, boolean negative) {
    assertThat(e.row()).isEqualTo(row);
    assertThat(e.column()).isEqualTo(column);
    if (nan) {
      assertThat(e.value()).isNaN();
    } else {
      assertThat(e.value()).isEqualTo(negative ? Float.NEGATIVE_INFINITY : Float.POSITIVE_INFINITY);
    }
  }
}
