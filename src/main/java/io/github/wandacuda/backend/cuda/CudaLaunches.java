package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.RegularKernels;

/** Queues kernels of the forward pass in one of three launch shapes. */
final class CudaLaunches {
  private static final int THREADS = 256;

  /** Elements of a thread: one vector. */
  private static final int ELEMENTS = 4;

  /** Blocks for each multiprocessor, enough to keep its memory busy. */
  private static final int BLOCKS_PER_MULTIPROCESSOR = 32;

  /**
   * Shared memory for a row: the 48 KiB that every block has, minus more than the kernels need
   * beside a row.
   */
  private static final int ROW_BYTES = 47 << 10;

  private final CudaQueue queue;

  CudaLaunches(CudaQueue queue) {
    this.queue = queue;
  }

  /** Queues a kernel. */
  void launch(RegularKernels.Launch kernel) {
    DeviceRows over = kernel.over();
    CudaFunction function = queue.device().function(kernel.file(), kernel.function());
    switch (kernel.shape()) {
      case ELEMENTS -> elements(function, kernel.elements(), kernel.with(kernel.elements()));
      case COLUMNS -> rows(function, over, kernel.with(over.columns()));
      case ROWS -> cachedRows(function, over, kernel);
    }
  }

  /** Queues a kernel with a block for each row. */
  void rows(CudaFunction function, DeviceRows rows, Object... arguments) {
    queue.launch(
        function,
        LaunchShape.blocks(rows.rows()),
        LaunchShape.rowThreads(rows.columns(), THREADS),
        0,
        arguments);
  }

  /**
   * Queues a kernel with a block for each row, which keeps the row in shared memory if it fits. The
   * kernel's last two arguments are the number of columns and whether rows fit.
   */
  private void cachedRows(CudaFunction function, DeviceRows rows, RegularKernels.Launch kernel) {
    long rowBytes = (long) rows.columns() * Float.BYTES;
    int cached = rowBytes <= ROW_BYTES ? 1 : 0;
    queue.launch(
        function,
        LaunchShape.blocks(rows.rows()),
        LaunchShape.rowThreads(rows.columns(), THREADS),
        cached * (int) rowBytes,
        kernel.with(rows.columns(), cached));
  }

  /** Queues a kernel that computes each element by itself. */
  private void elements(CudaFunction function, long count, Object... arguments) {
    long blocks = Math.ceilDiv(count, (long) THREADS * ELEMENTS);
    long most = (long) queue.device().multiprocessors() * BLOCKS_PER_MULTIPROCESSOR;
    queue.launch(function, LaunchShape.blocks(Math.min(blocks, most)), THREADS, 0, arguments);
  }
}
