package io.github.wandacuda.testing.selection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import java.util.random.RandomGenerator;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;

/**
 * A matrix with NaN or infinities in it.
 *
 * @param matrix the elements
 * @param norms zero or one for each column: an infinite weight's score is no number where it is
 *     zero
 * @param row where the first such element is
 * @param column where it is in its row
 * @param value the element
 */
public record NonFiniteMatrix(
    PlacedMatrix matrix, float[] norms, int row, int column, float value) {
  /** Draws a matrix in which such an element is anywhere, followed by more of them. */
  public static NonFiniteMatrix draw(
      RandomGenerator random,
      PlacedMatrix.Layout layout,
      DType dtype,
      int rows,
      int columns,
      boolean nan,
      boolean negative) {
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
    float[] norms = new float[columns];
    for (int c = 0; c < columns; c++) {
      norms[c] = random.nextInt(2);
    }
    float infinity = negative ? Float.NEGATIVE_INFINITY : Float.POSITIVE_INFINITY;
    return new NonFiniteMatrix(matrix, norms, row, column, nan ? Float.NaN : infinity);
  }

  /** Returns the elements as a selector gets them. */
  public WeightMatrix view() {
    return matrix.view();
  }

  /** Checks that a selection names the element, into another matrix and in place. */
  public void checkSelection(Selector selector, SelectionRule rule) {
    PlacedMatrix destination = matrix.copy();
    checkNamed(() -> Select.once(selector, view(), norms, rule, destination.view(), null));
    PlacedMatrix itself = matrix.copy();
    checkNamed(() -> Select.once(selector, itself.view(), norms, rule, itself.view(), null));
  }

  /** Checks that a call fails and names the element. */
  public void checkNamed(ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            NonFiniteWeightException.class,
            e -> {
              assertThat(e.row()).as("row").isEqualTo(row);
              assertThat(e.column()).as("column").isEqualTo(column);
              assertThat(e.value()).as("value").isEqualTo(Float.valueOf(value));
              assertThat(e).hasMessage("weight [%d, %d] is %s", row, column, value);
            });
  }
}
