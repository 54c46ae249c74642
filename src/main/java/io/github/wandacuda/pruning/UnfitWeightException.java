package io.github.wandacuda.pruning;

/** A fitted weight is no number, or too large for the module's type. */
public final class UnfitWeightException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int row;
  private final int column;
  private final float value;

  UnfitWeightException(int row, int column, float value) {
    super("fitted weight %s at row %d, column %d".formatted(value, row, column));
    this.row = row;
    this.column = column;
    this.value = value;
  }

  /** Returns its row in the module. */
  public int row() {
    return row;
  }

  /** Returns its column. */
  public int column() {
    return column;
  }

  /** Returns the weight before it was rounded. */
  public float value() {
    return value;
  }
}
