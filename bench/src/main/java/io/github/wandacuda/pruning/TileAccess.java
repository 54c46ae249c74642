package io.github.wandacuda.pruning;

import io.github.wandacuda.tensor.WeightMatrix;
import java.util.List;
import java.util.stream.IntStream;

/** Lets benchmarks cut a matrix exactly as a pruning job does. */
public final class TileAccess {
  private TileAccess() {}

  /**
   * A tile.
   *
   * @param first its first row
   * @param rows how many it has
   */
  public record Tile(int first, int rows) {}

  /** Returns the tiles of a matrix that lies in memory, as {@link Pruner} makes them. */
  public static List<Tile> of(WeightMatrix matrix, long tileBytes, int workers) {
    RowTiles tiles = RowTiles.of(matrix, tileBytes, workers);
    return IntStream.range(0, tiles.count())
        .mapToObj(tile -> new Tile(tiles.firstRow(tile), tiles.rowsOf(tile)))
        .toList();
  }
}
