package io.github.wandacuda.pruning.mask;

import io.github.wandacuda.RowReader;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** A matrix that comes in tiles. Called from several workers at once, each for tiles of its own. */
public interface TileSource {
  /** Returns how the matrix is cut. */
  RowTiles tiles();

  /** Returns how many columns the matrix has. */
  int columns();

  /**
   * Returns a tile's rows, which may be changed.
   *
   * @param worker whose buffer they may lie in, so that they are valid until its next call
   */
  WeightMatrix read(int worker, int tile);

  /**
   * Returns a tile's rows as {@link #read} does, or as a {@link
   * io.github.wandacuda.QuantizedMatrix} if they are codes.
   */
  default RowReader stored(int worker, int tile) {
    return read(worker, tile);
  }

  /** Rounds weights that are fitted to what the file holds. */
  @FunctionalInterface
  interface Rounding {
    /**
     * Returns the number nearest to a value that can be stored at a place of the matrix.
     *
     * @param value finite
     */
    float nearest(int row, int column, float value);
  }

  /** Returns how fitted weights are rounded; nothing if they are rounded to the tiles' type. */
  default Optional<Rounding> rounding() {
    return Optional.empty();
  }

  /**
   * Takes back a tile that was read and changed. Does nothing where nobody needs it, or where it is
   * a view.
   *
   * @param worker the one that has read it
   * @param mask the tile's rows of the packed mask: which elements are kept; null for codes that
   *     were pruned where they lie
   * @param fitted whether kept elements were changed too
   */
  default void write(int worker, int tile, MemorySegment mask, boolean fitted) {}

  /** The tiles of a matrix in memory, as views: changes are in the matrix at once. */
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
