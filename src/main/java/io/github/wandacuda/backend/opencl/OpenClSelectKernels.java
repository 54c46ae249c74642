package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.device.DevicePointer;
import io.github.wandacuda.device.DeviceRows;
import io.github.wandacuda.device.GpuSelectKernels;
import io.github.wandacuda.device.OpenClKernel;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;

/**
 * Launches the kernels of selection. A kernel that takes more than one statement to launch has a
 * class of its name; the others are launched here.
 */
final class OpenClSelectKernels implements GpuSelectKernels {
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
      OpenClSelectRows.launch(selection, row.count(), localBytes);
    } else if (rule instanceof LowestPerGroup group) {
      OpenClSelectGroups.launch(selection, group.pruned(), group.size());
    } else if (rule instanceof AtMost atMost) {
      float threshold = atMost.threshold();
      int limit = threshold < 0 ? NONE : Float.floatToRawIntBits(Math.abs(threshold));
      OpenClKernel kernel = selection.kernel("select_threshold", "");
      selection.launch(kernel, OpenClSelection.octets(source), limit);
    }
  }

  @Override
  public void countUpper(DeviceRows source, DevicePointer counts) {
    OpenClMagnitudes.countUpper(queue, source, counts);
  }

  @Override
  public void countLower(DeviceRows source, int upper, DevicePointer counts) {
    OpenClMagnitudes.countLower(queue, source, upper, counts);
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
