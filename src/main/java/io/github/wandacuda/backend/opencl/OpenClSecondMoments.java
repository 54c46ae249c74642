package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.device.DevicePointer;
import io.github.wandacuda.device.DeviceRows;
import io.github.wandacuda.device.OpenClKernel;

/**
 * Launches the sums of products of columns, which are pairs of floats: {@code second_moments.cl}.
 */
final class OpenClSecondMoments {
  /** Work-items of a tile's group in each dimension, in the largest groups and in smaller ones. */
  private static final int SIDE = 16;

  private static final int SMALL_SIDE = 8;

  /** Columns of a tile for each work-item of a side. */
  private static final int COLUMNS = 4;

  private final OpenClQueue queue;

  OpenClSecondMoments(OpenClQueue queue) {
    this.queue = queue;
  }

  /** Adds the products of a matrix to the sums of {@code state}. */
  void add(DeviceRows x, DevicePointer state) {
    if (x.rows() == 0 || x.columns() == 0) {
      return;
    }
    OpenClKernel kernel = queue.device().kernel("second_moments.cl", "second_moments", "");
    int side = kernel.items() >= SIDE * SIDE ? SIDE : SMALL_SIDE;
    long items = (long) Math.ceilDiv(x.columns(), COLUMNS * side) * side;
    queue.launch(
        kernel,
        new long[] {items, items},
        new long[] {side, side},
        x.data(),
        state,
        x.rows(),
        x.columns());
  }
}
