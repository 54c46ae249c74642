package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.device.DevicePointer;
import io.github.wandacuda.device.DeviceRows;

/**
 * Launches the sums of products of columns, which have the CPU's bits: {@code
 * kernels/forward/second_moments.cu}.
 */
final class CudaSecondMoments {
  private static final int THREADS = 256;
  private static final int TILE = 128;

  private final CudaQueue queue;

  CudaSecondMoments(CudaQueue queue) {
    this.queue = queue;
  }

  /** Adds the products of a matrix to the doubles of {@code state}. */
  void add(DeviceRows x, DevicePointer state) {
    if (CudaLaunches.isEmpty(x)) {
      return;
    }
    queue.launch(
        queue.device().function("second_moments", "second_moments"),
        LaunchShape.blocks(LaunchShape.tiles(x.columns(), TILE, x.columns(), TILE)),
        THREADS,
        0,
        x.data(),
        x.rows(),
        x.columns(),
        state);
  }
}
