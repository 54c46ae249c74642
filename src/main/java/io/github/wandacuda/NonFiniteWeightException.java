package io.github.wandacuda;

/** A weight is NaN or infinite, so that no score of its row means anything. */
public final class NonFiniteWeightException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** The element's row. */
  private final int row;

  /** The element's column. */
  private final int column;

  /** The element. */
  private final float value;

  /**
   * Names the element by its place in the matrix that the backend was given.
   *
   * @param row its row, from 0
   * @param column its column, from 0
   * @param value the weight
   */
  public NonFiniteWeightException(int row, int column, float value) {
    super("weight [%d, %d] is %s".formatted(row, column, value));
    this.row = row;
    this.column = column;
    this.value = value;
  }

  /** {@return the element's row} */
  public int row() {
    return row;
  }

  /** {@return the element's column} */
  public int column() {
    return column;
  }

  /** {@return the element} */
  public float value() {
    return value;
  }
}
