package io.github.wandacuda.pruning;

import io.github.wandacuda.WeightMatrix;

/**
 * The tiles of a matrix that lies in memory: views, so that changes are where they belong at once.
 *
 * @param matrix the matrix
 * @param tiles how it is cut
 */
public record MatrixTiles(WeightMatrix matrix, RowTiles tiles) implements TileSource {
  @Override
  public int columns() {
    return matrix.columns();
  }

  @Override
  public WeightMatrix read(int worker, int tile) {
    return matrix.rows(tiles.firstRow(tile), tiles.rowsOf(tile));
  }

  @Override
  public void write(int worker, int tile) {}
}
