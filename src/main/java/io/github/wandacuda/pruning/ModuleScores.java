package io.github.wandacuda.pruning;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.MemorySegment;

/**
 * The scores of a matrix's weights as a matrix of float32 that comes in tiles. They are computed
 * each time that a tile is read, so that memory holds a tile for each worker, never a module.
 */
final class ModuleScores implements TileSource {
  private final WeightMatrix weights;
  private final RowScores rowScores;
  private final TileBuffers buffers;
  private final RowTiles tiles;
  private final MagnitudeRow[] rows;
  private final float[][] scores;

  /** Computes the scores of a row. */
  @FunctionalInterface
  interface RowScores {
    /**
     * Computes them.
     *
     * @param row the row's number
     * @param magnitudes those of its weights
     * @param scores takes them, finite and not negative
     */
    void compute(int row, float[] magnitudes, float[] scores);
  }

  /**
   * Prepares a matrix.
   *
   * @param weights with dense rows
   * @param buffers for the tiles, with one for each worker
   */
  ModuleScores(WeightMatrix weights, RowScores rowScores, TileBuffers buffers) {
    this.weights = weights;
    this.rowScores = rowScores;
    this.buffers = buffers;
    int workers = buffers.memory().workers();
    long rowBytes = (long) weights.columns() * Float.BYTES;
    tiles = RowTiles.of(weights.rows(), rowBytes, true, buffers.memory().tileBytes(), workers);
    buffers.reserve(rowBytes * tiles.tileRows());
    rows = new MagnitudeRow[workers];
    scores = new float[workers][];
  }

  @Override
  public RowTiles tiles() {
    return tiles;
  }

  @Override
  public int columns() {
    return weights.columns();
  }

  @Override
  public WeightMatrix read(int worker, int tile) {
    int columns = weights.columns();
    if (rows[worker] == null) {
      rows[worker] = new MagnitudeRow(columns);
      scores[worker] = new float[columns];
    }
    int first = tiles.firstRow(tile);
    int count = tiles.rowsOf(tile);
    MemorySegment memory = buffers.of(worker, (long) count * columns * Float.BYTES);
    for (int r = 0; r < count; r++) {
      float[] magnitudes = rows[worker].read(weights, first + r);
      rowScores.compute(first + r, magnitudes, scores[worker]);
      long at = (long) r * columns * Float.BYTES;
      MemorySegment.copy(scores[worker], 0, memory, FLOAT, at, columns);
    }
    return WeightMatrix.of(memory, DType.F32, count, columns);
  }

  /** Does nothing: the scores that are left of a tile are nobody's. */
  @Override
  public void write(int worker, int tile) {}
}
