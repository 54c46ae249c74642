package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.forward.Weight;
import java.util.Optional;

/** A weight for the forward pass on a GPU. */
abstract sealed class GpuWeight implements Weight
    permits GpuDenseWeight, GpuHeldWeight, GpuSparseWeight {
  GpuWeight() {}

  /** Work on some of a weight's rows. */
  @FunctionalInterface
  interface RowWork {
    /**
     * Queues the work.
     *
     * @param rows the rows on the device
     * @param first the first row's number
     */
    void run(DeviceRows rows, int first);
  }

  /**
   * Queues a linear layer.
   *
   * @param bias [1, rows], or null for none
   */
  abstract void linear(GpuTensor x, GpuTensor bias, GpuTensor out);

  /** Returns all rows as they lie on the device, aligned, unless they don't. */
  public Optional<DeviceRows> resident() {
    return Optional.empty();
  }

  /** Returns all rows, to look entries up. */
  abstract DeviceRows whole();
}
