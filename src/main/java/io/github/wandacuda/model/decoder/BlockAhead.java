package io.github.wandacuda.model.decoder;

import io.github.wandacuda.forward.Weight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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

  /**
   * What is there of a block's weights, which is the caller's to close.
   *
   * @param memory owns the tensors' bytes, and may take those of others
   * @param tensors bytes in host memory, by the tensors' full names
   * @param weights weights on the device, by their modules' names
   */
  record Arrival(Arena memory, Map<String, MemorySegment> tensors, Map<String, Weight> weights) {
    /** Returns that nothing is there. */
    static Arrival none() {
      return new Arrival(Arena.ofShared(), Map.of(), Map.of());
    }
  }
}
