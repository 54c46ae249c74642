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

/** A device that is open for work: it selects weights and runs a decoder's operations. */
public interface Backend extends AutoCloseable {
  /** Returns the backend's name, as {@code --backend} takes it. */
  String name();

  /** Returns the device's name, for people. */
  String device();

  /**
   * Names what the last bits of {@link #operations()}' results depend on: runs of the same name
   * give the same bytes.
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
   * @param arena gives the memory back when it is closed, which is to be before the backend is
   */
  MemorySegment hostMemory(long bytes, Arena arena);

  /** Returns how many calls of {@link #selector()} and its plans should be under way at once. */
  int concurrency();

  Selector selector();

  /**
   * Returns the pruning half for a run over some weights, with the same results: a processor's
   * kernels on vectors are slow until they are compiled, which few weights aren't worth.
   *
   * @param weights elements to select from, in all
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

  Operations operations();

  /**
   * Returns the forward halves of all devices whose results are the same to the bit, {@link
   * #operations()} first. Each may be used by a thread of its own.
   */
  default List<Operations> forwards() {
    return List.of(operations());
  }

  /**
   * Returns the forward halves for a run over samples.
   *
   * @param moments whether it sums second moments, which one device does
   */
  default List<Operations> forwards(boolean moments) {
    return moments ? List.of(operations()) : forwards();
  }

  /**
   * Returns a weight of {@link #operations()} as the plans of {@link #selector()} prune it in the
   * device's memory; nothing if it doesn't lie there as a whole.
   */
  default Optional<ResidentMatrix> resident(Weight weight) {
    return Optional.empty();
  }

  @Override
  void close();
}
