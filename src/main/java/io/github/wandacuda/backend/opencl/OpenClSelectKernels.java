package io.github.wandacuda.backend.opencl;

import static io.github.wandacuda.backend.gpu.GpuSelectKernels.ROW_ALIGNMENT;

import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GpuSelectKernels;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import java.util.Arrays;
import java.util.stream.Stream;

/** Launches the kernels of selection. */
record OpenClSelectKernels(OpenClQueue queue) implements GpuSelectKernels {
  /** The largest group that a work-item holds in registers. */
  private static final int LARGEST_GROUP = 32;

  private static final int MASK_WORD = Integer.SIZE;

  /** Groups for each compute unit; each group adds up to 4096 counts at its end. */
  private static final int GROUPS_PER_UNIT = 4;

  private static final int MOST_GROUPS_PER_ROW = 64;

  @Override
  public void select(
      DeviceRows source,
      DevicePointer norms,
      SelectionRule rule,
      DeviceRows destination,
      DevicePointer mask,
      DevicePointer report) {
    OpenClSelection selection =
        new OpenClSelection(queue, source, norms, destination, mask, report);
    if (rule instanceof LowestPerRow row) {
      selectRows(selection, row.count());
    } else if (rule instanceof LowestPerGroup group) {
      selectGroups(selection, group.pruned(), group.size());
    } else if (rule instanceof AtMost atMost) {
      float threshold = atMost.threshold();
      int limit = threshold < 0 ? NONE : Float.floatToRawIntBits(Math.abs(threshold));
      OpenClKernel kernel = selection.kernel("select_threshold", "");
      selection.launch(kernel, OpenClSelection.octets(source), limit);
    }
  }

  /**
   * Queues the selection of the {@code count} lowest scores of each row, which is in local memory
   * if it fits.
   */
  private void selectRows(OpenClSelection selection, int count) {
    DeviceRows source = selection.source();
    int octets = OpenClSelection.octets(source);
    OpenClKernel holding = selection.kernel("select_rows", " -D HELD");
    long held = (long) octets * OpenClSelection.OCTET * source.dtype().bytes();
    if (holding.localBytes() + held <= queue.device().facts().localBytes()) {
      selection.launch(holding, octets, count, new OpenClQueue.LocalMemory(held));
    } else {
      selection.launch(selection.kernel("select_rows", ""), octets, count);
    }
  }

  /** Queues the selection of the {@code pruned} lowest scores of every {@code size} columns. */
  private void selectGroups(OpenClSelection selection, int pruned, int size) {
    DeviceRows source = selection.source();
    if (size <= LARGEST_GROUP) {
      OpenClKernel kernel = selection.kernel("select_groups", " -D GROUP=" + size);
      selection.launch(kernel, OpenClSelection.octets(source), pruned);
      return;
    }
    OpenClKernel kernel = selection.kernel("select_groups_large", "");
    if (selection.mask() != null) {
      long words = Math.ceilDiv(source.columns(), MASK_WORD);
      queue.clear(selection.mask(), source.rows() * words * Integer.BYTES);
    }
    selection.launch(kernel, size, pruned, size);
  }

  @Override
  public void countUpper(DeviceRows source, DevicePointer counts) {
    count("count_upper", source, counts);
  }

  @Override
  public void countLower(DeviceRows source, int upper, DevicePointer counts) {
    count("count_lower", source, counts, upper);
  }

  /**
   * Queues a histogram of magnitudes, whose groups each count several rows; {@code more} are its
   * arguments after those that both have.
   */
  private void count(String name, DeviceRows source, DevicePointer counts, Object... more) {
    OpenClKernel kernel =
        queue.device().kernel("magnitudes.cl", name, OpenClSelection.options(source));
    int octets = OpenClSelection.octets(source);
    int size = OpenClSelection.groupSize(kernel, octets);
    int across = Math.min(MOST_GROUPS_PER_ROW, Math.ceilDiv(octets, size));
    int groups = queue.device().facts().computeUnits() * GROUPS_PER_UNIT;
    int down = Math.clamp(groups / across, 1, source.rows());
    long[] global = {(long) across * size, down};
    Object[] common = {source.data(), counts, source.rows(), source.columns(), source.stride()};
    queue.launch(kernel, global, new long[] {size, 1}, joined(common, more));
  }

  private static Object[] joined(Object[] first, Object... others) {
    return Stream.of(first, others).flatMap(Arrays::stream).toArray();
  }

  @Override
  public void inspect(DeviceRows source, DevicePointer report) {
    OpenClKernel kernel =
        queue.device().kernel("inspect_rows.cl", "inspect_rows", OpenClSelection.options(source));
    int size = OpenClSelection.groupSize(kernel, OpenClSelection.octets(source));
    queue.launch(
        kernel,
        new long[] {(long) source.rows() * size},
        new long[] {size},
        source.data(),
        report,
        source.columns(),
        source.stride());
  }

  /**
   * The operands of a selection, see {@link
   * io.github.wandacuda.backend.gpu.GpuSelectKernels#select}, and the launch of its kernels, which
   * have a work-group for each row.
   */
  private record OpenClSelection(
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
      Object[] common = {
        source.data(), norms, destination.data(), mask, report, source.columns(), source.stride()
      };
      int size = groupSize(kernel, items);
      queue.launch(
          kernel,
          new long[] {(long) source.rows() * size},
          new long[] {size},
          joined(common, rule));
    }

    static int octets(DeviceRows matrix) {
      return Math.ceilDiv(matrix.columns(), OCTET);
    }

    static String options(DeviceRows matrix) {
      return "-D " + matrix.dtype().name();
    }

    /**
     * Returns the number of work-items of a group, a power of two: enough for the work of a row,
     * but no more than the kernel is built for.
     *
     * @param items how many items of work a row has, 1 or more
     */
    static int groupSize(OpenClKernel kernel, int items) {
      int limit = kernel.items();
      int enough = items >= limit ? limit : Integer.highestOneBit(Math.max(1, 2 * items - 1));
      return Math.clamp(enough, Math.min(LEAST_ITEMS, limit), limit);
    }
  }
}
