package io.github.wandacuda.backend;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.select.DeviceSelector;
import io.github.wandacuda.select.ResidentMatrix;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/**
 * A device that is open for work: it selects weights and runs a decoder's operations. Whoever opens
 * it closes it, after everything that was made on it.
 */
public interface Backend extends AutoCloseable {
  /** Returns the backend's name, as {@code --backend} takes it. */
  String name();

  /** Returns the device's name, for people. */
  String device();

  /**
   * Names what the last bits of the results of {@link #operations()} depend on: two runs that read
   * the same name, weights and tokens give the same bytes.
   *
   * @return for a person to read, and compared as a whole
   */
  default String arithmetic() {
    return name() + " on " + device();
  }

  /**
   * Returns the precision of {@link #operations()} where linear layers multiply in 16 bits; nothing
   * if they multiply in float32 throughout.
   */
  default Optional<Precision> precision() {
    return Optional.empty();
  }

  /**
   * Returns how many bytes of a weight a {@link SelectionPlan} should be given at a time: enough
   * that the cost of a call doesn't show, few enough that calls overlap.
   */
  long tileBytes();

  /**
   * Allocates host memory that the device reads and writes fastest. Any other memory works too.
   *
   * @param bytes 0 or more
   * @param arena frees the memory when it is closed, which has to happen before the backend is
   *     closed
   * @return memory of {@code bytes} bytes, whose content is undefined
   */
  MemorySegment hostMemory(long bytes, Arena arena);

  /** Returns how many calls of {@link #selector()} and its plans should be under way at once. */
  int concurrency();

  /** Returns the pruning half for host memory. It lasts until the backend is closed. */
  Selector selector();

  /**
   * Returns the pruning half for a run over so many weights; results are the same as those of
   * {@link #selector()}. A processor's vector kernels are slow until they are compiled, which
   * doesn't pay off for few weights.
   *
   * @param weights elements to select from, in all matrices of the run together
   */
  default Selector selector(long weights) {
    return selector();
  }

  /**
   * Returns the pruning half for matrices in the device's memory that callers own.
   *
   * @throws UnsupportedOperationException if there is none
   */
  default DeviceSelector deviceSelector() {
    throw new UnsupportedOperationException(
        name() + " prunes no matrices in a device's memory; cuda and opencl do");
  }

  /**
   * Returns the forward half. Its memory is the device's, for one thread at a time; it lasts until
   * the backend is closed.
   */
  Operations operations();

  /**
   * Returns the forward halves of all devices whose results are the same to the bit, {@link
   * #operations()} first. Each may be used by a thread of its own.
   *
   * @return one or more
   */
  default List<Operations> forwards() {
    return List.of(operations());
  }

  /**
   * Returns the forward halves for a run over samples.
   *
   * @param moments whether the run sums second moments of inputs, which are summed on one device
   *     alone
   * @return one for each device that takes a share of the samples
   */
  default List<Operations> forwards(boolean moments) {
    return moments ? List.of(operations()) : forwards();
  }

  /**
   * Returns a weight of {@link #operations()} as the plans of {@link #selector()} prune it in the
   * device's memory.
   *
   * @param weight made by {@link #operations()}; the matrix lasts as long as it does
   * @return nothing if the weight doesn't lie in the device's memory as a whole
   */
  default Optional<ResidentMatrix> resident(Weight weight) {
    return Optional.empty();
  }

  /** Closes the device and frees its memory. Whatever was made on it is to be closed before. */
  @Override
  void close();
}
