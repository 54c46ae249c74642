package io.github.wandacuda.device.opencl;

import static io.github.wandacuda.device.GpuSelectKernels.ROW_ALIGNMENT;

import io.github.wandacuda.device.DevicePointer;
import io.github.wandacuda.device.DeviceRows;
import io.github.wandacuda.device.opencl.driver.OpenClKernel;

/**
 * What a selection reads and writes, as {@link io.github.wandacuda.device.GpuSelectKernels} has it,
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
   * @param options more of the compiler's options, each after a space
   */
  OpenClKernel kernel(String name, String options) {
    return queue.device().kernel(name + ".cl", name, options(source) + options);
  }

  /**
   * Queues a kernel.
   *
   * @param items what there is to do in a row, for a work-item each
   * @param rule what the kernel takes after what all of them take
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
    int size = WorkGroups.size(kernel, items);
    queue.launch(kernel, new long[] {(long) source.rows() * size}, new long[] {size}, arguments);
  }

  /** Returns the octets of a row. */
  static int octets(DeviceRows matrix) {
    return Math.ceilDiv(matrix.columns(), OCTET);
  }

  /** Returns the compiler's option for the weights' type. */
  static String options(DeviceRows matrix) {
    return "-D " + matrix.dtype().name();
  }
}
