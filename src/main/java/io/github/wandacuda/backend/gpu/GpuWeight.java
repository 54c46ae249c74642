package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.forward.Weight;
import java.util.Optional;

/**
 * A weight for the forward pass on a GPU. Its memory there is freed after all work that was queued.
 */
abstract sealed class GpuWeight implements Weight permits GpuDenseWeight, GpuSparseWeight {
  /** Copies to the device, and knows of the work. */
  final WeightUpload upload;

  private final DeviceBuffer buffer;
  private boolean closed;

  /**
   * Takes memory over.
   *
   * @param buffer the weight's on the device, or null if it isn't there
   */
  GpuWeight(DeviceBuffer buffer, WeightUpload upload) {
    this.buffer = buffer;
    this.upload = upload;
  }

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

  /** Checks that its memory isn't freed. */
  final void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the weight is closed");
    }
  }

  /** Frees its memory. A second close does nothing. */
  @Override
  public void close() {
    if (!closed && buffer != null) {
      upload.settle();
      buffer.close();
    }
    closed = true;
  }
}
