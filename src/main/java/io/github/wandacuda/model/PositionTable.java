package io.github.wandacuda.model;

/** Numbers that depend on positions alone, such as a rotary embedding's cosines. */
@FunctionalInterface
public interface PositionTable {
  /**
   * Returns the table.
   *
   * @param positions how many positions it is for, from 0 on
   * @param length tokens of the whole sequence, 1 or more
   */
  Values at(int positions, int length);

  /** Returns a number that two lengths of sequences share if their tables are the same. */
  default int kind(int length) {
    return 0;
  }

  /**
   * A matrix.
   *
   * @param data [rows, columns], row-major
   * @param rows of the matrix
   * @param columns of the matrix
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as it is, never compared
  record Values(float[] data, int rows, int columns) {}
}
