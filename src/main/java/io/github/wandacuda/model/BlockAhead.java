package io.github.wandacuda.model;

import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.forward.Weight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;

/**
 * A block's weights that are read before the block is asked for, by a thread of their own, while
 * the block before is computed with: {@linkplain DeviceBlockAhead to the device}, or {@linkplain
 * HostBlockAhead to host memory}.
 */
sealed interface BlockAhead extends AutoCloseable permits DeviceBlockAhead, HostBlockAhead {
  /** Returns the block's index. */
  int index();

  /**
   * Waits until the weights are there, and hands them over.
   *
   * @throws io.github.wandacuda.error.CancelledException if the caller is interrupted
   */
  Arrival take();

  /** Stops the thread, and frees what wasn't taken. */
  @Override
  void close();

  /** What is there of a block's weights, in memory that is the caller's to close. */
  final class Arrival implements AutoCloseable {
    private static final long ALIGNMENT = 64;

    private final Arena memory = Arena.ofShared();
    private final Map<String, MemorySegment> tensors = new HashMap<>();
    private final Map<String, Weight> weights;

    /**
     * Creates it without a tensor.
     *
     * @param weights weights on the device, by their modules' names
     */
    Arrival(Map<String, Weight> weights) {
      this.weights = weights;
    }

    /** Returns memory that is to be filled with a tensor. */
    MemorySegment add(TensorInfo tensor) {
      MemorySegment bytes = memory.allocate(tensor.bytes(), ALIGNMENT);
      tensors.put(tensor.name(), bytes);
      return bytes;
    }

    /** Returns what owns the tensors' bytes, and may take those of others. */
    Arena memory() {
      return memory;
    }

    /** Returns bytes in host memory, by the tensors' full names. */
    Map<String, MemorySegment> tensors() {
      return tensors;
    }

    /** Returns weights on the device, by their modules' names. */
    Map<String, Weight> weights() {
      return weights;
    }

    /** Frees the memory. */
    @Override
    public void close() {
      memory.close();
    }
  }
}
