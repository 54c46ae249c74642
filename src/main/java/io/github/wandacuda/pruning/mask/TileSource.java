package io.github.wandacuda.pruning.mask;

import io.github.wandacuda.RowReader;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** A matrix that comes in tiles. Called from several workers at once, each for tiles of its own. */
public interface TileSource {
  RowTiles tiles();

  int columns();

  /** Returns a tile's rows, writable, perhaps in a worker's buffer: until that one's next call. */
  WeightMatrix read(int worker, int tile);

  /** Returns a tile's rows as {@link #read} does, or as codes if that is what they are. */
  default RowReader stored(int worker, int tile) {
    return read(worker, tile);
  }

  /** Rounds weights that are fitted to what the file holds. */
  @FunctionalInterface
  interface Rounding {
    /** Returns the number nearest to another one that can be stored at a place of the matrix. */
    float nearest(int row, int column, float value);
  }

  /** Returns how fitted weights are rounded, unless they become the tiles' type. */
  default Optional<Rounding> rounding() {
    return Optional.empty();
  }

  /**
   * Takes back a tile that was read and changed; nothing is done where that is nobody's, or a view.
   *
   * @param mask the tile's rows of the packed mask: which elements are kept; null if codes are as
   *     they will be
   */
  default void write(int worker, int tile, MemorySegment mask, boolean fitted) {}

  /** The tiles of a matrix in memory, as views: changes are where they belong at once. */
  record MatrixTiles(WeightMatrix matrix, RowTiles tiles) implements TileSource {
    @Override
    public int columns() {
      return matrix.columns();
    }

    @Override
    public WeightMatrix read(int worker, int tile) {
      return matrix.rows(tiles.firstRow(tile), tiles.rowsOf(tile));
    }
  }
}
