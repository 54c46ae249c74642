package io.github.wandacuda.pruning.mask;

import io.github.wandacuda.WeightMatrix;

/**
 * How a matrix is cut into tiles of whole rows: of the size that suits the backend, but small
 * enough that all workers get some.
 *
 * @param rows rows of the matrix
 * @param tileRows rows of every tile but perhaps the last
 */
public record RowTiles(int rows, int tileRows) {
  private static final int TILES_PER_WORKER = 4;

  /**
   * Cuts a matrix whose rows lie one after the other; one whose rows are interleaved stays whole.
   *
   * @param rowBytes bytes of a row
   * @param dense whether rows lie one after the other
   * @param tileBytes what a backend likes to be given, see {@link
   *     io.github.wandacuda.backend.Backend#tileBytes}
   * @param workers of which each gets some tiles, if there are as many rows
   */
  public static RowTiles of(int rows, long rowBytes, boolean dense, long tileBytes, int workers) {
    if (!dense) {
      return new RowTiles(rows, Math.max(1, rows));
    }
    long bySize = tileBytes / Math.max(1, rowBytes);
    long byShare = rows / ((long) TILES_PER_WORKER * workers);
    return new RowTiles(rows, Math.toIntExact(Math.max(1, Math.min(bySize, byShare))));
  }

  /**
   * Cuts a matrix that lies in memory.
   *
   * @param tileBytes as above
   */
  public static RowTiles of(WeightMatrix matrix, long tileBytes, int workers) {
    long rowBytes = (long) matrix.columns() * matrix.dtype().bytes();
    return of(matrix.rows(), rowBytes, matrix.hasDenseRows(), tileBytes, workers);
  }

  /** Returns the number of tiles. */
  public int count() {
    return (rows + tileRows - 1) / tileRows;
  }

  /** Returns a tile's first row in the matrix. */
  public int firstRow(int tile) {
    return tile * tileRows;
  }

  /** Returns how many rows a tile has. */
  public int rowsOf(int tile) {
    return Math.min(tileRows, rows - firstRow(tile));
  }
}
