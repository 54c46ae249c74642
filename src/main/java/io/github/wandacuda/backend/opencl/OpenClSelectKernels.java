package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GpuSelectKernels;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;

/** Launches the kernels of selection. */
final class OpenClSelectKernels implements GpuSelectKernels {
  /** The largest group that a work-item holds in registers. */
  private static final int LARGEST_GROUP = 32;

  private static final int MASK_WORD = Integer.SIZE;

  /** Groups for each compute unit; each group adds up to 4096 counts at its end. */
  private static final int GROUPS_PER_UNIT = 4;

  private static final int MOST_GROUPS_PER_ROW = 64;

  private final OpenClQueue queue;
  private final long localBytes;

  /** Creates the kernels of a queue. */
  OpenClSelectKernels(OpenClQueue queue) {
    this(queue, queue.device().facts().localBytes());
  }

  /**
   * Creates the kernels of a queue.
   *
   * @param localBytes bytes of local memory that a group may have
   */
  OpenClSelectKernels(OpenClQueue queue, long localBytes) {
    this.queue = queue;
    this.localBytes = localBytes;
  }

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
    if (holding.localBytes() + held <= localBytes) {
      selection.launch(holding, octets, count, new LocalMemory(held));
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
    count(
        "count_upper",
        source,
        source.data(),
        counts,
        source.rows(),
        source.columns(),
        source.stride());
  }

  @Override
  public void countLower(DeviceRows source, int upper, DevicePointer counts) {
    count(
        "count_lower",
        source,
        source.data(),
        counts,
        source.rows(),
        source.columns(),
        source.stride(),
        upper);
  }

  /** Queues a histogram of magnitudes, whose groups each count several rows. */
  private void count(String name, DeviceRows source, Object... arguments) {
    OpenClKernel kernel =
        queue.device().kernel("magnitudes.cl", name, OpenClSelection.options(source));
    int octets = OpenClSelection.octets(source);
    int size = OpenClSelection.groupSize(kernel, octets);
    int across = Math.min(MOST_GROUPS_PER_ROW, Math.ceilDiv(octets, size));
    int groups = queue.device().facts().computeUnits() * GROUPS_PER_UNIT;
    int down = Math.clamp(groups / across, 1, source.rows());
    long[] global = {(long) across * size, down};
    queue.launch(kernel, global, new long[] {size, 1}, arguments);
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
}
