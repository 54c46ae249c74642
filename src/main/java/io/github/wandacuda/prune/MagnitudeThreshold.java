package io.github.wandacuda.prune;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.WorkerPool;
import java.util.function.BiConsumer;

/**
 * The magnitude below which a fraction of a matrix lies: the element at index floor(count *
 * fraction) of the sorted magnitudes, found exactly without sorting. The bits of a non-negative
 * float32 order as the number does, so a count of their upper halves finds the upper half of the
 * answer, and a count of the lower halves among those finds the rest.
 */
public final class MagnitudeThreshold {
  private final Selector selector;
  private final WorkerPool workers;
  private final TileSource source;

  /**
   * Prepares a matrix.
   *
   * @param source the weights, which stay as they are
   */
  public MagnitudeThreshold(Selector selector, WorkerPool workers, TileSource source) {
    this.selector = selector;
    this.workers = workers;
    this.source = source;
  }

  /**
   * Returns the magnitude at {@code index}, less than the number of elements, of the sorted ones.
   *
   * @throws io.github.wandacuda.NonFiniteWeightException if a weight is NaN or infinite, by its
   *     place in the matrix
   */
  public float at(long index) {
    long[] upper = count(Selector.UPPER_BINS, selector::countMagnitudes);
    Place high = Place.find(upper, index);
    long[] lower =
        count(
            Selector.LOWER_BINS,
            (tile, counts) -> selector.countMagnitudes(tile, high.bin(), counts));
    Place low = Place.find(lower, index - high.before());
    return Float.intBitsToFloat(high.bin() << 16 | low.bin());
  }

  private long[] count(int bins, BiConsumer<WeightMatrix, long[]> counter) {
    long[][] byWorker = new long[workers.count()][bins];
    workers.run(
        source.tiles().count(),
        (worker, tile) ->
            FiniteWeights.locate(
                source.tiles().firstRow(tile),
                () -> counter.accept(source.read(worker, tile), byWorker[worker])));
    long[] sum = new long[bins];
    for (long[] counts : byWorker) {
      for (int bin = 0; bin < bins; bin++) {
        sum[bin] += counts[bin];
      }
    }
    return sum;
  }

  /** The bin that holds an index, and how many elements lie in the bins before it. */
  private record Place(int bin, long before) {
    static Place find(long[] counts, long index) {
      long before = 0;
      int bin = 0;
      while (before + counts[bin] <= index) {
        before += counts[bin];
        bin++;
      }
      return new Place(bin, before);
    }
  }
}
