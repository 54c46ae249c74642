package io.github.wandacuda;

/** A weight is NaN or infinite, so that no score of its row means anything. */
public final class NonFiniteWeightException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int row;
  private final int column;
  private final float value;

  /** Names the element by its place in the matrix that the backend was given. */
  public NonFiniteWeightException(int row, int column, float value) {
    super("weight [%d, %d] is %s".formatted(row, column, value));
    this.row = row;
    this.column = column;
    this.value = value;
  }

  /** Returns the element's row. */
  public int row() {
    return row;
  }

  /** Returns the element's column. */
  public int column() {
    return column;
  }

  /** Returns the element. */
  public float value() {
    return value;
  }
}
