package io.github.wandacuda.pruning.mask;

import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.LayerFitting;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.select.DeviceSelector;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.WorkerPool;
import java.util.OptionalInt;
import java.util.function.BiConsumer;

/**
 * The magnitude below which a fraction of a matrix lies: the element at index floor(count *
 * fraction) of the sorted magnitudes, found exactly without sorting. The bits of a non-negative
 * float32 order as the number does, so a count of their upper halves finds the upper half of the
 * answer, and a count of the lower halves among those finds the rest.
 *
 * @param source the weights, which stay as they are
 */
public record MagnitudeThreshold(Selector selector, WorkerPool workers, TileSource source) {
  /**
   * Returns the magnitude at {@code index}, less than the number of elements, of the sorted ones.
   *
   * @throws io.github.wandacuda.NonFiniteWeightException if a weight is NaN or infinite, by its
   *     place in the matrix
   */
  public float at(long index) {
    return at(
        index,
        (upper, counts) ->
            addAll(counts, (tile, some) -> selector.countMagnitudes(tile, upper, some)));
  }

  /**
   * Returns the magnitude at an index of the sorted ones of a matrix in device memory.
   *
   * @param index less than the number of elements
   * @param matrix must be finite
   */
  public static float at(long index, DeviceSelector selector, DeviceMatrix matrix) {
    return at(index, (upper, counts) -> selector.countMagnitudes(matrix, upper, counts));
  }

  /**
   * Returns the magnitude at an index of a tensor's sorted ones, of which NaN are the last.
   *
   * @param index less than the number of elements
   */
  public static float at(long index, LayerFitting device, Tensor x) {
    return at(index, (upper, counts) -> device.countMagnitudes(x, upper, counts));
  }

  private static float at(long index, BiConsumer<OptionalInt, long[]> counting) {
    long[] upper = new long[Selector.UPPER_BINS];
    counting.accept(OptionalInt.empty(), upper);
    Place high = Place.find(upper, index);
    long[] lower = new long[Selector.LOWER_BINS];
    counting.accept(OptionalInt.of(high.bin()), lower);
    Place low = Place.find(lower, index - high.before());
    return Float.intBitsToFloat(high.bin() << 16 | low.bin());
  }

  private void addAll(long[] sum, BiConsumer<WeightMatrix, long[]> counter) {
    long[][] byWorker = new long[workers.count()][sum.length];
    workers.run(
        source.tiles().count(),
        (worker, tile) ->
            FiniteWeights.locate(
                source.tiles().firstRow(tile),
                () -> counter.accept(source.read(worker, tile), byWorker[worker])));
    for (long[] counts : byWorker) {
      for (int bin = 0; bin < sum.length; bin++) {
        sum[bin] += counts[bin];
      }
    }
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
