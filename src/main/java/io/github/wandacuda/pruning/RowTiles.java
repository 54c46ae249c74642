package io.github.wandacuda.pruning;

import io.github.wandacuda.tensor.WeightMatrix;

/**
 * How a matrix is cut into tiles of whole rows: small enough that a tile stays in a core's cache
 * between its steps and that all workers get some, large enough that the cost of a tile doesn't
 * show.
 *
 * @param rows rows of the matrix
 * @param tileRows rows of every tile but perhaps the last
 */
record RowTiles(int rows, int tileRows) {
  private static final long TILE_BYTES = 256 << 10;
  private static final int TILES_PER_WORKER = 4;

  /**
   * Cuts a matrix whose rows lie one after the other; one whose rows are interleaved stays whole.
   */
  static RowTiles of(int rows, int columns, int elementBytes, boolean dense, int workers) {
    if (!dense) {
      return new RowTiles(rows, Math.max(1, rows));
    }
    long bySize = TILE_BYTES / Math.max(1, (long) columns * elementBytes);
    long byShare = rows / ((long) TILES_PER_WORKER * workers);
    return new RowTiles(rows, Math.toIntExact(Math.max(1, Math.min(bySize, byShare))));
  }

  /** Cuts a matrix that lies in memory. */
  static RowTiles of(WeightMatrix matrix, int workers) {
    return of(
        matrix.rows(), matrix.columns(), matrix.dtype().bytes(), matrix.hasDenseRows(), workers);
  }

  int count() {
    return (rows + tileRows - 1) / tileRows;
  }

  int firstRow(int tile) {
    return tile * tileRows;
  }

  int rowsOf(int tile) {
    return Math.min(tileRows, rows - firstRow(tile));
  }
}
