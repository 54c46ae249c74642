package io.github.wandacuda.pruning;

import io.github.wandacuda.DType;
import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Counts over the Wanda scores of a module. A row here is one of the stored tensor: an output
 * feature, or an input feature where the module is stored transposed, so that each is read once and
 * in order.
 */
final class BlockModuleScores {
  /** Sums side by side, since an addition waits for the one before it. */
  private static final int SUMS = 8;

  private final LinearModule module;
  private final TensorInfo tensor;
  private final float[] norms;
  private final WorkerPool workers;
  private final TileBuffers buffers;

  /**
   * Prepares a module.
   *
   * @param norms a norm for each input column
   * @throws IllegalArgumentException if there are more or fewer
   */
  BlockModuleScores(LinearModule module, float[] norms, WorkerPool workers, TileBuffers buffers) {
    if (norms.length != module.columns()) {
      throw new IllegalArgumentException(
          "%d norms for %s with %d columns"
              .formatted(norms.length, module.name(), module.columns()));
    }
    this.module = module;
    this.tensor = module.tensor();
    this.norms = norms;
    this.workers = workers;
    this.buffers = buffers;
  }

  /**
   * Returns the sum of the scores.
   *
   * @throws InputException if a weight isn't finite, or a score is beyond float32
   */
  double sum() {
    double[] sums = new double[tensor.rows()];
    forRows(
        (row, weights, scores) -> {
          sums[row] = sum(scores);
          if (!Double.isFinite(sums[row])) {
            throw problem(row, weights);
          }
        });
    return Arrays.stream(sums).reduce(0, Double::sum);
  }

  /** Returns how many scores are above a threshold. */
  long above(double threshold) {
    long[] counts = new long[tensor.rows()];
    forRows((row, weights, scores) -> counts[row] = count(scores, threshold));
    return Arrays.stream(counts).sum();
  }

  /** Takes a row, whose weights are a matrix of it alone. */
  private interface RowBody {
    void take(int row, WeightMatrix weights, float[] scores);
  }

  private void forRows(RowBody body) {
    DType dtype = tensor.type().orElseThrow();
    long rowBytes = (long) tensor.columns() * dtype.bytes();
    RowTiles tiles =
        RowTiles.of(tensor.rows(), rowBytes, true, buffers.memory().tileBytes(), workers.count());
    buffers.reserve(tiles.tileRows() * rowBytes);
    workers.run(
        tiles.count(),
        (worker, tile) -> {
          float[] scores = new float[tensor.columns()];
          int first = tiles.firstRow(tile);
          MemorySegment rows = buffers.of(worker, tiles.rowsOf(tile) * rowBytes);
          module.shard().read(tensor, first * rowBytes, rows);
          WeightMatrix weights = WeightMatrix.of(rows, dtype, tiles.rowsOf(tile), tensor.columns());
          for (int row = 0; row < weights.rows(); row++) {
            weights.read(row, 0, scores.length, scores, 0);
            score(first + row, scores);
            body.take(first + row, weights.rows(row, 1), scores);
          }
        });
  }

  /** Turns a row's weights into scores. */
  private void score(int row, float[] scores) {
    if (module.transposed()) {
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
    for (int column = 0; column < tensor.columns(); column++) {
      float value = weights.get(0, column);
      if (!Float.isFinite(value)) {
        return FiniteWeights.problem(
            module,
            module.transposed()
                ? new NonFiniteWeightException(column, row, value)
                : new NonFiniteWeightException(row, column, value));
      }
    }
    return module.place().wrong("scores that float32 holds", "one that is too large");
  }
}
