package io.github.wandacuda.model;

/** Numbers that depend on a sequence's length alone, such as a rotary embedding's cosines. */
@FunctionalInterface
interface PositionTable {
  /**
   * Returns the table for sequences of a length.
   *
   * @param sequenceLength tokens, 1 or more
   */
  Values at(int sequenceLength);

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
