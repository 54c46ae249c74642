package io.github.wandacuda.pruning.mask;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.DType;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.pruning.recipe.ModuleRules.Scope;
import io.github.wandacuda.select.SelectionArguments;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;

/**
 * Masks by relative importance and activations (RIA, Zhang et al., ICLR 2024; the formula is that
 * of its authors' code). The score of a weight is
 *
 * <pre>(|w| / sum of |w| over its column + |w| / sum of |w| over its row) * norm^0.5</pre>
 *
 * <p>A quotient by 0 is 0 (the authors' code gets NaN of a column of zeros). Scores are computed in
 * double as {@code |w| * ((1 / row sum + 1 / column sum) * sqrt(norm))} and rounded to float32,
 * which never overflows, since no quotient is more than 1. Backends select them as magnitudes.
 *
 * <p>In the scope of the matrix, the authors' default, the threshold is the score at {@code
 * floor(count * fraction)} of the sorted ones, and every score up to it is pruned: at least one
 * weight more than the fraction, and all ties. In the scope of rows the lowest of each row are
 * pruned, ties by column, as in Wanda. For a pattern both are the same: the lowest of each group.
 */
public final class RiaMask {
  private final TileMasks masks;
  private final TileBuffers buffers;
  private final Scope scope;

  /**
   * Makes a chooser of masks.
   *
   * @param workers at most as many as there are buffers
   * @param buffers for tiles of scores; the weights must lie elsewhere
   * @param scope what weights are compared within
   */
  public RiaMask(Selector selector, WorkerPool workers, TileBuffers buffers, Scope scope) {
    masks = new TileMasks(selector, workers);
    this.buffers = buffers;
    this.scope = scope;
  }

  /**
   * Chooses a mask, the same to the bit on every backend and for any number of threads.
   *
   * @param weights finite ones of float32
   * @param norms one for each input column, or null, which counts as ones
   * @param mask takes the packed mask
   */
  public void choose(WeightMatrix weights, float[] norms, Sparsity sparsity, MemorySegment mask) {
    SelectionRule ofRows = SelectionRule.of(sparsity, weights.columns());
    float[] checked = new SelectionArguments(DType.F32, weights.columns(), norms, ofRows).norms();
    Scores scores = new Scores(weights, Sums.of(weights, masks.workers()), checked);
    SelectionRule rule = scope == Scope.MATRIX ? masks.ofMatrix(scores, sparsity) : ofRows;
    masks.select(scores, DType.F32, null, rule, true, mask);
  }

  /**
   * The scores of a matrix's weights as a matrix of float32 that comes in tiles. They are computed
   * each time that a tile is read, so that memory holds a tile for each worker, never a module.
   */
  private final class Scores implements TileSource {
    private final WeightMatrix weights;
    private final Sums sums;
    private final double[] roots;
    private final RowTiles tiles;

    Scores(WeightMatrix weights, Sums sums, float[] norms) {
      this.weights = weights;
      this.sums = sums;
      roots = new double[norms.length];
      for (int c = 0; c < norms.length; c++) {
        roots[c] = Math.sqrt(norms[c]);
      }
      long rowBytes = (long) weights.columns() * Float.BYTES;
      tiles = RowTiles.of(weights.rows(), rowBytes, true, buffers.tileBytes(), buffers.workers());
      buffers.reserve(rowBytes * tiles.tileRows());
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
      int first = tiles.firstRow(tile);
      int count = tiles.rowsOf(tile);
      MemorySegment memory = buffers.of(worker, (long) count * columns * Float.BYTES);
      float[] row = new float[columns];
      for (int r = 0; r < count; r++) {
        MagnitudeRows.read(weights, first + r, row);
        double ofRow = sums.ofRows[first + r];
        for (int c = 0; c < columns; c++) {
          row[c] = (float) (row[c] * ((ofRow + sums.ofColumns[c]) * roots[c]));
        }
        MemorySegment.copy(row, 0, memory, FLOAT, (long) r * columns * Float.BYTES, columns);
      }
      return WeightMatrix.of(memory, DType.F32, count, columns);
    }
  }

  /**
   * The reciprocals of the sums of magnitudes of each row and each column of a matrix, in double; 0
   * for a sum of 0. They are the same for any number of threads: a row is summed by four chains, of
   * columns 0, 4, 8, … and so on, added as (0 + 1) + (2 + 3); a column by chains of 128 rows each,
   * added in order.
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared.
  record Sums(double[] ofRows, double[] ofColumns) {
    private static final int BLOCK_ROWS = 128;
    private static final int CHAINS = 4;

    /** Sums the magnitudes of a matrix with finite weights of float32. */
    static Sums of(WeightMatrix weights, WorkerPool workers) {
      int columns = weights.columns();
      double[] ofRows = new double[weights.rows()];
      double[][] blocks = new double[Math.ceilDiv(weights.rows(), BLOCK_ROWS)][columns];
      MagnitudeRows.each(
          weights,
          workers,
          BLOCK_ROWS,
          (row, magnitudes) -> {
            ofRows[row] = reciprocal(sum(magnitudes));
            add(magnitudes, blocks[row / BLOCK_ROWS]);
          });
      return new Sums(ofRows, reciprocalsOfSums(blocks, columns));
    }

    private static double sum(float[] magnitudes) {
      double first = 0;
      double second = 0;
      double third = 0;
      double fourth = 0;
      int whole = magnitudes.length / CHAINS * CHAINS;
      for (int c = 0; c < whole; c += CHAINS) {
        first += magnitudes[c];
        second += magnitudes[c + 1];
        third += magnitudes[c + 2];
        fourth += magnitudes[c + 3];
      }
      int rest = magnitudes.length - whole;
      first += rest > 0 ? magnitudes[whole] : 0;
      second += rest > 1 ? magnitudes[whole + 1] : 0;
      third += rest > 2 ? magnitudes[whole + 2] : 0;
      return (first + second) + (third + fourth);
    }

    private static void add(float[] magnitudes, double[] sums) {
      for (int c = 0; c < magnitudes.length; c++) {
        sums[c] += magnitudes[c];
      }
    }

    private static double[] reciprocalsOfSums(double[][] blocks, int columns) {
      double[] reciprocals = new double[columns];
      for (int c = 0; c < columns; c++) {
        double sum = 0;
        for (double[] block : blocks) {
          sum += block[c];
        }
        reciprocals[c] = reciprocal(sum);
      }
      return reciprocals;
    }

    private static double reciprocal(double sum) {
      return sum == 0 ? 0 : 1 / sum;
    }
  }
}
