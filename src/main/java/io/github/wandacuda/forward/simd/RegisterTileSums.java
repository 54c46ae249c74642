package io.github.wandacuda.forward.simd;

import io.github.wandacuda.forward.reference.CpuTensor;

/**
 * A block of sums under way, tile after tile: the tiles of the first columns downwards, then those
 * of the next columns. A tile is one short piece of memory, which caches fetch ahead; in the output
 * its rows would lie a power of two apart. Rows and columns that fill up a last tile hold anything.
 */
final class RegisterTileSums {
  private float[] data = {};
  private int rows;
  private int columns;

  /** Makes room; what the sums are is left open. */
  void reshape(int rows, int columns) {
    this.rows = rows;
    this.columns = columns;
    data =
        PanelPacking.grown(data, RegisterTile.wholeRows(rows), RegisterTile.wholeColumns(columns));
  }

  int rows() {
    return rows;
  }

  float[] data() {
    return data;
  }

  /** Returns where the tile starts whose first element is (row, column). */
  int at(int row, int column) {
    return column * RegisterTile.wholeRows(rows) + row * RegisterTile.COLUMNS;
  }

  /**
   * Writes the block into a tensor.
   *
   * @param row where its first row goes
   * @param column where its first column goes
   * @param bias added to each row, indexed by the tensor's columns; null for none
   */
  void copyTo(CpuTensor out, int row, int column, CpuTensor bias) {
    for (int r = 0; r < rows; r++) {
      int to = out.at(row + r) + column;
      for (int c = 0; c < columns; c += RegisterTile.COLUMNS) {
        int count = Math.min(RegisterTile.COLUMNS, columns - c);
        System.arraycopy(data, at(r, c), out.data(), to + c, count);
      }
      if (bias != null) {
        add(bias.data(), bias.at(0) + column, out.data(), to, columns);
      }
    }
  }

  private static void add(float[] bias, int from, float[] out, int to, int count) {
    for (int c = 0; c < count; c++) {
      out[to + c] += bias[from + c];
    }
  }

  /** Writes the block turned: its column c becomes part of the tensor's row {@code row + c}. */
  void copyTurnedTo(CpuTensor out, int row, int column) {
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
