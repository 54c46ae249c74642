package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.device.CudaFunction;

/**
 * Launches the kernels that prune the lowest scores of groups, of which there is one for each range
 * of group sizes.
 */
final class CudaSelectGroups {
  /** Columns of the largest group that the lanes of a warp hold. */
  private static final int LARGEST_SMALL = 32;

  private CudaSelectGroups() {}

  /** Queues the selection of the {@code pruned} lowest scores of every {@code size} columns. */
  static void launch(CudaSelection selection, int pruned, int size) {
    if (size == 4 || size == 8) {
      CudaFunction function = selection.function("select_groups", "select_groups_" + size);
      selection.launch(function, CudaSelection.vectorThreads(selection.source()), 0, pruned);
    } else if (size <= LARGEST_SMALL) {
      CudaFunction function = selection.function("select_groups_small", "select_groups_small");
      int threads = CudaSelection.warps(Math.ceilDiv(selection.source().columns(), 4));
      selection.launch(function, threads, 0, pruned, size);
    } else {
      CudaFunction function = selection.function("select_groups_large", "select_groups_large");
      int threads = CudaSelection.warps(size);
      int bins = CudaSelectRows.bins(threads);
      selection.launch(function, threads, CudaSelectRows.bytes(bins), pruned, size, bins);
    }
  }
}
