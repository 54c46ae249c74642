package io.github.wandacuda.pruning;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.system.WorkerPool;
import java.util.List;
import java.util.function.Function;

/**
 * What the scores of a block's modules together are like. A score is that of Wanda on the dense
 * weights, {@code |w| * norm[column]} rounded to float32.
 *
 * @param mean their mean
 * @param outliers the share of them that is above {@link #OUTLIER} times the mean, from 0 to 1
 */
public record BlockScores(double mean, double outliers) {
  /** How many times the mean an outlier is above: M in OWL's paper and code. */
  public static final double OUTLIER = 5;

  /**
   * Reads the weights of some blocks, twice: for the means, then for the outliers. Sums are taken
   * row by row as the file has them, and the rows' sums in order, so that any number of workers
   * gives the same bits.
   *
   * @param norms gives a module's norms, finite and not negative, one for each input column
   * @throws InputException if a weight isn't finite, or a score is beyond float32
   */
  public static List<BlockScores> of(
      List<ModuleBlock> blocks, Function<LinearModule, float[]> norms, WorkerPool workers) {
    try (TileBuffers buffers = new TileBuffers(TileMemory.inCache(workers.count()))) {
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
      sum += new BlockModuleScores(module, norms.apply(module), workers, buffers).sum();
    }
    double mean = elements == 0 ? 0 : sum / elements;
    long above = 0;
    for (LinearModule module : block.modules()) {
      above +=
          new BlockModuleScores(module, norms.apply(module), workers, buffers)
              .above(OUTLIER * mean);
    }
    return new BlockScores(mean, elements == 0 ? 0 : (double) above / elements);
  }
}
