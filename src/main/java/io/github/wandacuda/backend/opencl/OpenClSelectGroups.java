package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.device.DeviceRows;
import io.github.wandacuda.device.OpenClKernel;

/** Launches {@code select_groups.cl}, or {@code select_groups_large.cl} for large groups. */
final class OpenClSelectGroups {
  /** The largest group that a work-item holds in registers. */
  private static final int LARGEST_GROUP = 32;

  private static final int MASK_WORD = Integer.SIZE;

  private OpenClSelectGroups() {}

  /** Queues the selection of the {@code pruned} lowest scores of every {@code size} columns. */
  static void launch(OpenClSelection selection, int pruned, int size) {
    DeviceRows source = selection.source();
    if (size <= LARGEST_GROUP) {
      OpenClKernel kernel = selection.kernel("select_groups", " -D GROUP=" + size);
      selection.launch(kernel, OpenClSelection.octets(source), pruned);
      return;
    }
    OpenClKernel kernel = selection.kernel("select_groups_large", "");
    if (selection.mask() != null) {
      long words = Math.ceilDiv(source.columns(), MASK_WORD);
      selection.queue().clear(selection.mask(), source.rows() * words * Integer.BYTES);
    }
    selection.launch(kernel, size, pruned, size);
  }
}
