package io.github.wandacuda.simd;

import io.github.wandacuda.scalar.CpuTensor;

/**
 * A block of partial sums, stored tile by tile: the tiles of the first columns from top to bottom,
 * then those of the next columns. A tile is one short piece of memory, which caches prefetch; in
 * the output its rows would be a power of two apart. The content of rows and columns that pad a
 * last tile is undefined.
 */
final class RegisterTileSums {
  private float[] data = {};
  private int rows;
  private int columns;

  /** Sets the size. The sums' content is undefined afterwards. */
  public void reshape(int rows, int columns) {
    this.rows = rows;
    this.columns = columns;
    data =
        RegisterTile.grown(data, RegisterTile.wholeRows(rows), RegisterTile.wholeColumns(columns));
  }

  /** Returns the number of rows, without padding. */
  public int rows() {
    return rows;
  }

  /** Returns the array of all tiles, which {@link #reshape} may replace. */
  public float[] data() {
    return data;
  }

  /** Returns the offset of the tile whose first element is (row, column). */
  public int at(int row, int column) {
    return column * RegisterTile.wholeRows(rows) + row * RegisterTile.COLUMNS;
  }

  /**
   * Writes the block into a tensor.
   *
   * @param row the tensor's row for the block's first row
   * @param column the tensor's column for the block's first column
   * @param bias added to each row, indexed by the tensor's columns; null for none
   */
  public void copyTo(CpuTensor out, int row, int column, CpuTensor bias) {
    for (int r = 0; r < rows; r++) {
      int to = out.at(row + r) + column;
      for (int c = 0; c < columns; c += RegisterTile.COLUMNS) {
        int count = Math.min(RegisterTile.COLUMNS, columns - c);
        System.arraycopy(data, at(r, c), out.data(), to + c, count);
      }
      out.addBias(row + r, bias, column, columns);
    }
  }

  /**
   * Writes the block transposed: column c becomes part of the tensor's row {@code row + c}.
   *
   * @param row the tensor's row for the block's first column
   * @param column the tensor's column for the block's first row
   */
  public void copyTurnedTo(CpuTensor out, int row, int column) {
    for (int c = 0; c < columns; c++) {
      int lane = c % RegisterTile.COLUMNS;
      int from = at(0, c - lane) + lane;
      int to = out.at(row + c) + column;
      for (int r = 0; r < rows; r++) {
        out.data()[to + r] = data[from + r * RegisterTile.COLUMNS];
      }
    }
  }
}
