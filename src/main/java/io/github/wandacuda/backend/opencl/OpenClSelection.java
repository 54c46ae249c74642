package io.github.wandacuda.backend.opencl;

import static io.github.wandacuda.backend.gpu.GpuSelectKernels.ROW_ALIGNMENT;

import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;

/**
 * The operands of a selection, see {@link io.github.wandacuda.backend.gpu.GpuSelectKernels#select},
 * and the launch of its kernels, which have a work-group for each row.
 */
record OpenClSelection(
    OpenClQueue queue,
    DeviceRows source,
    DevicePointer norms,
    DeviceRows destination,
    DevicePointer mask,
    DevicePointer report) {
  /** Columns that a work-item takes at a time. */
  static final int OCTET = 8;

  /** The fewest work-items of a group; with fewer, lanes of a GPU would idle. */
  private static final int LEAST_ITEMS = 32;

  OpenClSelection {
    if (norms.offset() % ROW_ALIGNMENT != 0) {
      throw new IllegalArgumentException(
          "norms start at byte %d, not at a multiple of %d"
              .formatted(norms.offset(), ROW_ALIGNMENT));
    }
  }

  /**
   * Returns a kernel for the weights' type, from the file of its name.
   *
   * @param options more compiler options, each after a space
   */
  OpenClKernel kernel(String name, String options) {
    return queue.device().kernel(name + ".cl", name, options(source) + options);
  }

  /**
   * Queues a kernel.
   *
   * @param items number of work-items that a row can use
   * @param rule the kernel's arguments after those that all these kernels have
   */
  void launch(OpenClKernel kernel, int items, Object... rule) {
    Object[] arguments = new Object[7 + rule.length];
    arguments[0] = source.data();
    arguments[1] = norms;
    arguments[2] = destination.data();
    arguments[3] = mask;
    arguments[4] = report;
    arguments[5] = source.columns();
    arguments[6] = source.stride();
    System.arraycopy(rule, 0, arguments, 7, rule.length);
    int size = groupSize(kernel, items);
    queue.launch(kernel, new long[] {(long) source.rows() * size}, new long[] {size}, arguments);
  }

  /** Returns the number of octets of a row. */
  static int octets(DeviceRows matrix) {
    return Math.ceilDiv(matrix.columns(), OCTET);
  }

  /** Returns the compiler option for the weights' type. */
  static String options(DeviceRows matrix) {
    return "-D " + matrix.dtype().name();
  }

  /**
   * Returns the number of work-items of a group, a power of two: enough for the work of a row, but
   * no more than the kernel is built for.
   *
   * @param items how many items of work a row has, 1 or more
   */
  static int groupSize(OpenClKernel kernel, int items) {
    int limit = kernel.items();
    int enough = items >= limit ? limit : Integer.highestOneBit(Math.max(1, 2 * items - 1));
    return Math.clamp(enough, Math.min(LEAST_ITEMS, limit), limit);
  }
}
