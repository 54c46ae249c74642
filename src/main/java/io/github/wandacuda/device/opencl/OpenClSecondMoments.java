package io.github.wandacuda.device.opencl;

import io.github.wandacuda.device.DevicePointer;
import io.github.wandacuda.device.DeviceRows;

/**
 * Launches the sums of products of columns, which are pairs of floats: {@code second_moments.cl}.
 */
final class OpenClSecondMoments {
  /** Work-items of a tile's group in each dimension. */
  private static final int SIDE = 16;

  /** Columns of a tile. */
  private static final int TILE = 64;

  private final OpenClQueue queue;

  OpenClSecondMoments(OpenClQueue queue) {
    this.queue = queue;
  }

  /** Adds the products of a matrix to the sums of {@code state}. */
  void add(DeviceRows x, DevicePointer state) {
    if (x.rows() == 0 || x.columns() == 0) {
      return;
    }
    long items = (long) Math.ceilDiv(x.columns(), TILE) * SIDE;
    queue.launch(
        queue.device().kernel("second_moments.cl", "second_moments", ""),
        new long[] {items, items},
        new long[] {SIDE, SIDE},
        x.data(),
        state,
        x.rows(),
        x.columns());
  }
}
