package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GpuSelectKernels;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import java.util.Arrays;
import java.util.stream.Stream;

/** Launches the kernels of selection; those of whole rows, {@link CudaSelectRows} does. */
record CudaSelectKernels(CudaQueue queue) implements GpuSelectKernels {
  /** Columns of the largest group that the lanes of a warp hold. */
  private static final int LARGEST_SMALL = 32;

  /** Threads of a block that counts magnitudes' upper bits. */
  private static final int UPPER_THREADS = 512;

  /**
   * Each block of upper counts adds its histogram to the counts at its end, so few blocks are
   * better.
   */
  private static final int UPPER_BLOCKS = 2;

  private static final int LOWER_BLOCKS = 8;

  @Override
  public void select(
      DeviceRows source,
      DevicePointer norms,
      SelectionRule rule,
      DeviceRows destination,
      DevicePointer mask,
      DevicePointer report) {
    CudaSelection selection = new CudaSelection(queue, source, norms, destination, mask, report);
    if (rule instanceof LowestPerRow row) {
      CudaSelectRows.launch(selection, row.count());
    } else if (rule instanceof LowestPerGroup group) {
      selectGroups(selection, group.pruned(), group.size());
    } else if (rule instanceof AtMost atMost) {
      CudaFunction function = selection.function("select_threshold", "select_threshold");
      int threads = CudaSelection.vectorThreads(source);
      selection.launch(function, threads, 0, atMost.threshold());
    }
  }

  /**
   * Queues the selection of the {@code pruned} lowest scores of every {@code size} columns, for
   * which there is a kernel for each range of sizes.
   */
  private static void selectGroups(CudaSelection selection, int pruned, int size) {
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

  @Override
  public void countUpper(DeviceRows source, DevicePointer counts) {
    count("count_upper", UPPER_BLOCKS, UPPER_THREADS, source, counts);
  }

  @Override
  public void countLower(DeviceRows source, int upper, DevicePointer counts) {
    count("count_lower", LOWER_BLOCKS, CudaSelection.MOST_THREADS, source, upper, counts);
  }

  /** Queues a histogram of magnitudes, whose blocks each count several rows. */
  private void count(
      String kernel, int blocks, int threads, DeviceRows source, Object... arguments) {
    CudaSelection.checkRows(source);
    Object[] rows = {source.data(), source.rows(), source.columns(), source.stride()};
    queue.launch(
        queue.device().function("magnitudes", CudaFunction.name(kernel, source.dtype())),
        Grid.of(Math.min(source.rows(), (long) queue.device().info().multiprocessors() * blocks)),
        threads,
        0,
        Stream.of(rows, arguments).flatMap(Arrays::stream).toArray());
  }

  @Override
  public void inspect(DeviceRows source, DevicePointer report) {
    CudaSelection.checkRows(source);
    queue.launch(
        queue.device().function("inspect_rows", CudaFunction.name("inspect_rows", source.dtype())),
        Grid.of(source.rows()),
        CudaSelection.vectorThreads(source),
        0,
        source.data(),
        source.columns(),
        source.stride(),
        report);
  }
}
