package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GpuSelectKernels;
import java.util.OptionalInt;

/** Launches the kernels of selection; {@link CudaSelectRows} chooses those of whole rows. */
record CudaSelectKernels(CudaQueue queue) implements GpuSelectKernels {
  /** The most threads of a block in most kernels. */
  private static final int MOST_THREADS = 256;

  private static final int WARP = 32;

  /** The largest group that a warp holds, a column in each lane. */
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
  public void selectRows(Operands of, int count) {
    DeviceRows source = of.source();
    CudaSelectRows choice = CudaSelectRows.of(source.dtype(), source.columns(), queue.device());
    boolean each = choice.blocks() == 0;
    int staged = choice.stagedBytes() > 0 ? 1 : 0;
    queue.launch(
        function(choice.file(), choice.kernel(), source),
        each ? Grid.of(source.rows()) : grid(source, choice.blocks()),
        choice.threads(),
        choice.sharedBytes(),
        each
            ? of.with(count, choice.bins(), staged)
            : of.with(source.rows(), count, choice.bins()));
  }

  /** Chooses among kernels for groups of 4 or 8, of up to 32, and of more columns. */
  @Override
  public void selectGroups(Operands of, int pruned, int size) {
    if (size == 4 || size == 8) {
      launch(of, "select_groups", "select_groups_" + size, vectorThreads(of.source()), 0, pruned);
    } else if (size <= LARGEST_SMALL) {
      String name = "select_groups_small";
      launch(of, name, name, warps(Math.ceilDiv(of.source().columns(), 4)), 0, pruned, size);
    } else {
      String name = "select_groups_large";
      int threads = warps(size);
      int bins = CudaSelectRows.bins(threads);
      launch(of, name, name, threads, CudaSelectRows.bytes(bins), pruned, size, bins);
    }
  }

  @Override
  public void selectThreshold(Operands of, float threshold) {
    String name = "select_threshold";
    launch(of, name, name, vectorThreads(of.source()), 0, threshold);
  }

  /** Queues a kernel with a block for each row. */
  private void launch(
      Operands of, String file, String kernel, int threads, int sharedBytes, Object... rule) {
    Grid rows = Grid.of(of.source().rows());
    queue.launch(function(file, kernel, of.source()), rows, threads, sharedBytes, of.with(rule));
  }

  /** Returns a kernel for the weights' type. */
  private CudaFunction function(String file, String kernel, DeviceRows weights) {
    return queue.device().function(file, CudaFunction.name(kernel, weights.dtype()));
  }

  /** Returns a number of blocks for each multiprocessor, but not more than rows. */
  private Grid grid(DeviceRows weights, int blocks) {
    int multiprocessors = queue.device().info().multiprocessors();
    return Grid.of(Math.min(weights.rows(), (long) multiprocessors * blocks));
  }

  /** Returns the threads for a row of which each thread reads a vector at a time. */
  private static int vectorThreads(DeviceRows source) {
    return warps(Math.ceilDiv(source.columns(), ROW_ALIGNMENT / source.dtype().bytes()));
  }

  /** Returns a number of threads rounded up to whole warps, at most {@link #MOST_THREADS}. */
  private static int warps(int threads) {
    return Math.ceilDiv(Math.min(threads, MOST_THREADS), WARP) * WARP;
  }

  @Override
  public void count(DeviceRows source, OptionalInt upper, DevicePointer counts) {
    if (upper.isEmpty()) {
      count("count_upper", UPPER_BLOCKS, UPPER_THREADS, source, counts);
    } else {
      count("count_lower", LOWER_BLOCKS, MOST_THREADS, source, upper.getAsInt(), counts);
    }
  }

  /** Queues a histogram of magnitudes, whose blocks each count several rows. */
  private void count(
      String kernel, int blocks, int threads, DeviceRows source, Object... arguments) {
    source.requireAligned();
    Object[] rows = {source.data(), source.rows(), source.columns(), source.stride()};
    queue.launch(
        function("magnitudes", kernel, source),
        grid(source, blocks),
        threads,
        0,
        GpuSelectKernels.joined(rows, arguments));
  }

  @Override
  public void inspect(DeviceRows source, DevicePointer report) {
    source.requireAligned();
    queue.launch(
        function("inspect_rows", "inspect_rows", source),
        Grid.of(source.rows()),
        vectorThreads(source),
        0,
        source.data(),
        source.columns(),
        source.stride(),
        report);
  }
}
