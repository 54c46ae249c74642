package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GpuSelectKernels;
import java.util.OptionalInt;

/** Launches the kernels of selection. */
record OpenClSelectKernels(OpenClQueue queue) implements GpuSelectKernels {
  /** Columns that a work-item takes at a time. */
  private static final int OCTET = 8;

  /** The fewest work-items of a group; with fewer, lanes of a GPU would idle. */
  private static final int LEAST_ITEMS = 32;

  /** The largest group that a work-item holds in registers. */
  private static final int LARGEST_GROUP = 32;

  private static final int MASK_WORD = Integer.SIZE;

  /** Groups for each compute unit; each group adds up to 4096 counts at its end. */
  private static final int GROUPS_PER_UNIT = 4;

  private static final int MOST_GROUPS_PER_ROW = 64;

  /** A row is in local memory if it fits. */
  @Override
  public void selectRows(Operands of, int count) {
    int octets = octets(of.source());
    OpenClKernel holding = kernel("select_rows", of.source(), " -D HELD");
    long held = (long) octets * OCTET * of.source().dtype().bytes();
    if (holding.localBytes() + held <= queue.device().facts().localBytes()) {
      launch(of, holding, octets, count, new OpenClQueue.LocalMemory(held));
    } else {
      launch(of, kernel("select_rows", of.source(), ""), octets, count);
    }
  }

  @Override
  public void selectGroups(Operands of, int pruned, int size) {
    DeviceRows source = of.source();
    if (size <= LARGEST_GROUP) {
      OpenClKernel kernel = kernel("select_groups", source, " -D GROUP=" + size);
      launch(of, kernel, octets(source), pruned);
      return;
    }
    if (of.mask() != null) {
      long words = Math.ceilDiv(source.columns(), MASK_WORD);
      queue.clear(of.mask(), source.rows() * words * Integer.BYTES);
    }
    launch(of, kernel("select_groups_large", source, ""), size, pruned, size);
  }

  @Override
  public void selectThreshold(Operands of, float threshold) {
    int limit = threshold < 0 ? NONE : Float.floatToRawIntBits(Math.abs(threshold));
    launch(of, kernel("select_threshold", of.source(), ""), octets(of.source()), limit);
  }

  /**
   * Returns a kernel for the weights' type, from the file of its name.
   *
   * @param options more compiler options, each after a space
   */
  private OpenClKernel kernel(String name, DeviceRows weights, String options) {
    return queue.device().kernel(name + ".cl", name, "-D " + weights.dtype() + options);
  }

  /**
   * Queues a kernel with a work-group for each row.
   *
   * @param items number of work-items that a row can use
   * @param rule the kernel's arguments after those that all these kernels have
   */
  private void launch(Operands of, OpenClKernel kernel, int items, Object... rule) {
    launch(kernel, of.source().rows(), groupSize(kernel, items), of.with(rule));
  }

  private void launch(OpenClKernel kernel, int groups, int size, Object... arguments) {
    queue.launch(kernel, new long[] {(long) groups * size}, new long[] {size}, arguments);
  }

  @Override
  public void count(DeviceRows source, OptionalInt upper, DevicePointer counts) {
    String name = upper.isEmpty() ? "count_upper" : "count_lower";
    OpenClKernel kernel = queue.device().kernel("magnitudes.cl", name, "-D " + source.dtype());
    int octets = octets(source);
    int size = groupSize(kernel, octets);
    int across = Math.min(MOST_GROUPS_PER_ROW, Math.ceilDiv(octets, size));
    // Each group counts several rows.
    int groups = queue.device().facts().computeUnits() * GROUPS_PER_UNIT;
    int down = Math.clamp(groups / across, 1, source.rows());
    long[] global = {(long) across * size, down};
    Object[] common = {source.data(), counts, source.rows(), source.columns(), source.stride()};
    Object[] bin = upper.stream().boxed().toArray();
    queue.launch(kernel, global, new long[] {size, 1}, GpuSelectKernels.joined(common, bin));
  }

  @Override
  public void inspect(DeviceRows source, DevicePointer report) {
    OpenClKernel kernel = kernel("inspect_rows", source, "");
    int size = groupSize(kernel, octets(source));
    launch(kernel, source.rows(), size, source.data(), report, source.columns(), source.stride());
  }

  private static int octets(DeviceRows matrix) {
    return Math.ceilDiv(matrix.columns(), OCTET);
  }

  /**
   * Returns the number of work-items of a group, a power of two: enough for the work of a row, but
   * no more than the kernel is built for.
   *
   * @param items how many items of work a row has, 1 or more
   */
  private static int groupSize(OpenClKernel kernel, int items) {
    int limit = kernel.items();
    int enough = items >= limit ? limit : Integer.highestOneBit(Math.max(1, 2 * items - 1));
    return Math.clamp(enough, Math.min(LEAST_ITEMS, limit), limit);
  }
}
