package io.github.wandacuda.job.prune;

import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.ModuleBlock;
import io.github.wandacuda.pruning.ModuleTiles;
import io.github.wandacuda.pruning.TilePairs;
import io.github.wandacuda.pruning.mask.FiniteWeights;
import io.github.wandacuda.pruning.mask.RowTiles;
import io.github.wandacuda.pruning.mask.TileBuffers;
import io.github.wandacuda.system.WorkerPool;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

/**
 * Statistics of the scores of a block's modules together. A score is that of Wanda on the dense
 * weights, {@code |w| * norm[column]} rounded to float32.
 *
 * @param mean the mean score
 * @param outliers the share of scores above {@link #OUTLIER} times the mean, from 0 to 1
 */
record BlockScores(double mean, double outliers) {
  /** How many times the mean an outlier is above: M in OWL's paper and code. */
  public static final double OUTLIER = 5;

  /**
   * Reads the weights of some blocks, twice: for the means, then for the outliers. Sums are taken
   * row by row as the file has them, and the rows' sums in order, so that any number of workers
   * gives the same bits.
   *
   * @param norms gives a module's norms, finite and not negative, one for each input column
   * @param workers read and score the weights
   * @return one for each block, in their order
   * @throws InputException if a weight isn't finite, or a score is beyond float32
   */
  public static List<BlockScores> of(
      List<ModuleBlock> blocks, Function<LinearModule, float[]> norms, WorkerPool workers) {
    try (TileBuffers buffers = TileBuffers.inCache(workers.count())) {
      return blocks.stream().map(block -> of(block, norms, workers, buffers)).toList();
    }
  }

  private static BlockScores of(
      ModuleBlock block,
      Function<LinearModule, float[]> norms,
      WorkerPool workers,
      TileBuffers buffers) {
    long elements = block.elements();
    double sum = 0;
    for (LinearModule module : block.modules()) {
      sum += new ModuleScores(module, norms.apply(module), workers, buffers).sum();
    }
    double mean = elements == 0 ? 0 : sum / elements;
    long above = 0;
    for (LinearModule module : block.modules()) {
      above +=
          new ModuleScores(module, norms.apply(module), workers, buffers).above(OUTLIER * mean);
    }
    return new BlockScores(mean, elements == 0 ? 0 : (double) above / elements);
  }

  /**
   * Sums and counts over the Wanda scores of a module. A row here is a row of the stored tensor: an
   * output feature, or an input feature if the matrix is stored transposed. So each row is read
   * once and in order.
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared.
  private record ModuleScores(
      LinearModule module,
      LinearModule stored,
      float[] norms,
      WorkerPool workers,
      TileBuffers buffers) {
    /**
     * So many sums are added side by side, since each addition waits for the one before it in its
     * sum.
     */
    private static final int SUMS = 8;

    ModuleScores(LinearModule module, float[] norms, WorkerPool workers, TileBuffers buffers) {
      this(module, module.stored(), norms, workers, buffers);
      if (norms.length != module.columns()) {
        throw new IllegalArgumentException(
            "%d norms for %s with %d columns"
                .formatted(norms.length, module.name(), module.columns()));
      }
    }

    private boolean turned() {
      return stored.transposed() != module.transposed();
    }

    /**
     * Returns the sum of the scores.
     *
     * @throws InputException if a weight isn't finite, or a score is beyond float32
     */
    double sum() {
      double[] sums = new double[stored.rows()];
      forRows(
          (row, weights, scores) -> {
            sums[row] = sum(scores);
            if (!Double.isFinite(sums[row])) {
              throw problem(row, weights);
            }
          });
      return Arrays.stream(sums).reduce(0, Double::sum);
    }

    long above(double threshold) {
      long[] counts = new long[stored.rows()];
      forRows((row, weights, scores) -> counts[row] = count(scores, threshold));
      return Arrays.stream(counts).sum();
    }

    /** Work on a row, given as a matrix of one row. */
    private interface RowBody {
      void take(int row, WeightMatrix weights, float[] scores);
    }

    private void forRows(RowBody body) {
      ModuleTiles source = TilePairs.tiles(stored, stored.shard(), buffers);
      RowTiles tiles = source.tiles();
      workers.run(
          tiles.count(),
          (worker, tile) -> {
            float[] scores = new float[stored.columns()];
            int first = tiles.firstRow(tile);
            WeightMatrix weights = source.read(worker, tile);
            for (int row = 0; row < weights.rows(); row++) {
              weights.read(row, 0, scores.length, scores, 0);
              score(first + row, scores);
              body.take(first + row, weights.rows(row, 1), scores);
            }
          });
    }

    /** Replaces a row's weights by scores. */
    private void score(int row, float[] scores) {
      if (turned()) {
        float norm = norms[row];
        for (int i = 0; i < scores.length; i++) {
          scores[i] = Math.abs(scores[i]) * norm;
        }
      } else {
        for (int i = 0; i < scores.length; i++) {
          scores[i] = Math.abs(scores[i]) * norms[i];
        }
      }
    }

    private static double sum(float[] scores) {
      double[] sums = new double[SUMS];
      int whole = scores.length - scores.length % SUMS;
      for (int i = 0; i < whole; i += SUMS) {
        for (int lane = 0; lane < SUMS; lane++) {
          sums[lane] += scores[i + lane];
        }
      }
      for (int i = whole; i < scores.length; i++) {
        sums[i - whole] += scores[i];
      }
      return Arrays.stream(sums).reduce(0, Double::sum);
    }

    private static long count(float[] scores, double threshold) {
      int count = 0;
      for (float score : scores) {
        count += score > threshold ? 1 : 0;
      }
      return count;
    }

    private InputException problem(int row, WeightMatrix weights) {
      for (int column = 0; column < stored.columns(); column++) {
        float value = weights.get(0, column);
        if (!Float.isFinite(value)) {
          return FiniteWeights.problem(
              module,
              turned()
                  ? new NonFiniteWeightException(column, row, value)
                  : new NonFiniteWeightException(row, column, value));
        }
      }
      return module.place().wrong("scores that float32 holds", "one that is too large");
    }
  }
}
