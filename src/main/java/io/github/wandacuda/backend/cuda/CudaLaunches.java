package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.device.DeviceRows;
import java.util.Arrays;

/**
 * Queues kernels of the forward pass in one of three launch shapes; does nothing for empty
 * matrices.
 */
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

  static boolean isEmpty(DeviceRows matrix) {
    return matrix.rows() == 0 || matrix.columns() == 0;
  }

  /**
   * Queues a kernel with a block for each row.
   *
   * @param file the kernel's file
   * @param name the kernel's name
   */
  void rows(String file, String name, DeviceRows rows, Object... arguments) {
    if (!isEmpty(rows)) {
      queue.launch(
          queue.device().function(file, name),
          LaunchShape.blocks(rows.rows()),
          LaunchShape.rowThreads(rows.columns(), THREADS),
          0,
          arguments);
    }
  }

  /**
   * Queues a kernel with a block for each row, which keeps the row in shared memory if it fits. The
   * kernel's last two arguments are the number of columns and whether rows fit.
   */
  void cachedRows(String name, DeviceRows rows, Object... others) {
    if (isEmpty(rows)) {
      return;
    }
    long rowBytes = (long) rows.columns() * Float.BYTES;
    int cached = rowBytes <= ROW_BYTES ? 1 : 0;
    Object[] arguments = Arrays.copyOf(others, others.length + 2);
    arguments[others.length] = rows.columns();
    arguments[others.length + 1] = cached;
    queue.launch(
        queue.device().function(name, name),
        LaunchShape.blocks(rows.rows()),
        LaunchShape.rowThreads(rows.columns(), THREADS),
        cached * (int) rowBytes,
        arguments);
  }

  /**
   * Queues a kernel that computes each element by itself. The kernel's last argument is the number
   * of elements.
   */
  void elements(String file, String name, DeviceRows matrix, Object... others) {
    long count = (long) matrix.rows() * matrix.columns();
    if (count == 0) {
      return;
    }
    long blocks = Math.ceilDiv(count, (long) THREADS * ELEMENTS);
    long most = (long) queue.device().multiprocessors() * BLOCKS_PER_MULTIPROCESSOR;
    Object[] arguments = Arrays.copyOf(others, others.length + 1);
    arguments[others.length] = count;
    queue.launch(
        queue.device().function(file, name),
        LaunchShape.blocks(Math.min(blocks, most)),
        THREADS,
        0,
        arguments);
  }
}
