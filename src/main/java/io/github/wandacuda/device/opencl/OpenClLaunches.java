package io.github.wandacuda.device.opencl;

import io.github.wandacuda.device.DeviceRows;
import io.github.wandacuda.device.opencl.driver.DeviceFacts;
import io.github.wandacuda.device.opencl.driver.OpenClKernel;

/**
 * Queues kernels of the forward pass in one of three launch shapes; does nothing for empty
 * matrices.
 */
final class OpenClLaunches {
  private static final int GROUP = DeviceFacts.WORK_GROUP;

  /** Work-items of a group in each of two dimensions. */
  private static final int SIDE = 16;

  /** The most groups in dimension 1, which every device allows. */
  private static final int MOST_ROWS = 1 << 15;

  private final OpenClQueue queue;

  OpenClLaunches(OpenClQueue queue) {
    this.queue = queue;
  }

  private static long up(long count, int multiple) {
    return Math.ceilDiv(count, multiple) * multiple;
  }

  /** Queues a kernel with a work-item for each of {@code count} elements. */
  void elements(OpenClKernel kernel, long count, Object... arguments) {
    if (count > 0) {
      queue.launch(kernel, new long[] {up(count, GROUP)}, new long[] {GROUP}, arguments);
    }
  }

  /**
   * Queues a kernel with a work-item for each column, and rows in dimension 1; if there are too
   * many rows, a work-item takes several.
   */
  void columns(OpenClKernel kernel, int columns, int rows, Object... arguments) {
    if (columns > 0 && rows > 0) {
      long[] global = {up(columns, GROUP), Math.min(rows, MOST_ROWS)};
      queue.launch(kernel, global, new long[] {GROUP, 1}, arguments);
    }
  }

  /** Queues a kernel with a group for every 16 of the matrix's rows. */
  void rows(OpenClKernel kernel, DeviceRows matrix, Object... arguments) {
    if (matrix.rows() > 0 && matrix.columns() > 0) {
      long[] global = {SIDE, up(matrix.rows(), SIDE)};
      queue.launch(kernel, global, new long[] {SIDE, SIDE}, arguments);
    }
  }
}
