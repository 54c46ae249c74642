package io.github.wandacuda.testing.selection;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.selection.PlacedMatrix.Layout;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** Matrices of so many rows that what one row tells of the next is used, rightly or wrongly. */
public interface ManyRowsProperties extends SelectionProperties {
  @Property
  default void rowsThatAreAlike(
      @ForAll DType dtype,
      @ForAll Values values,
      @ForAll Norms norms,
      @ForAll @IntRange(min = 20, max = 60) int rows,
      @ForAll @IntRange(min = 500, max = 1300) int columns,
      @ForAll @IntRange(min = 1, max = 99) int percent,
      @ForAll long seed) {
    RandomGenerator random = new SplittableRandom(seed);
    int[][] bits = values.matrix(random, dtype, rows, columns);
    checkRows(dtype, bits, columns, norms.vector(random, columns), percent);
  }

  /** Some rows of one kind, some of another, and so on. */
  @Property
  @Thorough
  default void rowsThatAreAlikeForAWhile(
      @ForAll DType dtype,
      @ForAll Norms norms,
      @ForAll @IntRange(min = 500, max = 700) int columns,
      @ForAll @IntRange(min = 1, max = 40) int stretch,
      @ForAll @IntRange(min = 1, max = 99) int percent,
      @ForAll long seed) {
    RandomGenerator random = new SplittableRandom(seed);
    int[][] bits = new int[120][];
    for (int first = 0; first < bits.length; first += stretch) {
      Values kind = Values.values()[random.nextInt(Values.values().length)];
      int count = Math.min(stretch, bits.length - first);
      System.arraycopy(kind.matrix(random, dtype, count, columns), 0, bits, first, count);
    }
    checkRows(dtype, bits, columns, norms.vector(random, columns), percent);
  }

  /** Limits of few values that many elements have, some equal to the next row's, some not. */
  @Property
  default void rowsOfFewValues(
      @ForAll DType dtype,
      @ForAll @IntRange(min = 1, max = 12) int different,
      @ForAll @IntRange(min = 500, max = 700) int columns,
      @ForAll @IntRange(min = 1, max = 99) int percent,
      @ForAll long seed) {
    RandomGenerator random = new SplittableRandom(seed);
    int[] choice = Values.GAUSSIAN.matrix(random, dtype, 1, different)[0];
    int[][] bits = new int[80][columns];
    for (int[] row : bits) {
      int most = random.nextInt(1, different + 1);
      for (int c = 0; c < columns; c++) {
        row[c] = choice[random.nextInt(most)];
      }
    }
    checkRows(dtype, bits, columns, null, percent);
  }

  @Property
  @Thorough
  default void anElementThatIsNotFiniteIsFoundInALaterRowToo(
      @ForAll DType dtype,
      @ForAll Norms norms,
      @ForAll @IntRange(max = 39) int row,
      @ForAll @IntRange(max = 599) int column,
      @ForAll boolean constant,
      @ForAll long seed) {
    RandomGenerator random = new SplittableRandom(seed);
    Values values = constant ? Values.CONSTANT : Values.GAUSSIAN;
    PlacedMatrix matrix = PlacedMatrix.of(Layout.DENSE, dtype, 40, 600);
    matrix.filled(values.matrix(random, dtype, 40, 600));
    matrix.set(row, column, Values.infinity(dtype) + random.nextInt(2));
    float[] given = norms.vector(random, 600);
    for (Selector selector : selectors().values()) {
      PlacedMatrix copy = matrix.copy();
      assertThatThrownBy(
              () ->
                  Select.once(
                      selector, copy.view(), given, new LowestPerRow(300), copy.view(), null))
          .isInstanceOfSatisfying(
              NonFiniteWeightException.class,
              e -> {
                if (e.row() != row || e.column() != column) {
                  throw new AssertionError(e);
                }
              });
    }
  }

  private void checkRows(DType dtype, int[][] bits, int columns, float[] norms, int percent) {
    LowestPerRow rule = new LowestPerRow(columns * percent / 100);
    SelectCase one = new SelectCase(dtype, bits, columns, norms, rule);
    checkAll(one, Layout.DENSE, Layout.DENSE);
  }
}
