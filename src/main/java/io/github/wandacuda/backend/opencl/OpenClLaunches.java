package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.gpu.DeviceRows;

/**
 * Queues kernels of the forward pass in one of three launch shapes; does nothing for empty
 * matrices.
 */
final class OpenClLaunches {
  /** Work-items of a group that share a row where several rows have one group. */
  private static final int LANES = 16;

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
      int items = kernel.items();
      queue.launch(kernel, new long[] {up(count, items)}, new long[] {items}, arguments);
    }
  }

  /**
   * Queues a kernel with a work-item for each column, and rows in dimension 1; if there are too
   * many rows, a work-item takes several.
   */
  void columns(OpenClKernel kernel, int columns, int rows, Object... arguments) {
    if (columns > 0 && rows > 0) {
      int items = kernel.items();
      long[] global = {up(columns, items), Math.min(rows, MOST_ROWS)};
      queue.launch(kernel, global, new long[] {items, 1}, arguments);
    }
  }

  /** Queues a kernel with 16 work-items for each of the matrix's rows. */
  void rows(OpenClKernel kernel, DeviceRows matrix, Object... arguments) {
    if (matrix.columns() > 0) {
      rows(kernel, matrix.rows(), arguments);
    }
  }

  /** Queues a kernel with 16 work-items for each row, several rows to a group. */
  void rows(OpenClKernel kernel, int rows, Object... arguments) {
    if (rows > 0) {
      int together = kernel.items() / LANES;
      long[] global = {LANES, up(rows, together)};
      queue.launch(kernel, global, new long[] {LANES, together}, arguments);
    }
  }
}
