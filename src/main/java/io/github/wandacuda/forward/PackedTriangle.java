package io.github.wandacuda.forward;

/**
 * Where the elements of a symmetric matrix lie if only its upper triangle is kept, row by row: each
 * row begins at its element on the diagonal.
 */
public final class PackedTriangle {
  private PackedTriangle() {}

  /**
   * Returns how many elements the triangle of a matrix has.
   *
   * @param columns of the matrix, and its rows
   */
  public static long elements(int columns) {
    return (long) columns * (columns + 1) / 2;
  }

  /**
   * Returns the index of a row's first element, the one on the diagonal.
   *
   * @param columns of the matrix, and its rows
   * @param row from 0
   */
  public static long rowStart(int columns, int row) {
    return (long) row * columns - (long) row * (row - 1) / 2;
  }
}
