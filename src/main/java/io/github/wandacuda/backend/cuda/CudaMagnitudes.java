package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.device.CudaFunction;
import io.github.wandacuda.device.DevicePointer;
import io.github.wandacuda.device.DeviceRows;
import io.github.wandacuda.device.Grid;
import io.github.wandacuda.device.KernelNames;

/** Launches the histograms of magnitudes, whose blocks each count several rows. */
final class CudaMagnitudes {
  private static final int UPPER_THREADS = 512;

  /**
   * Each block of upper counts adds its histogram to the counts at its end, so few blocks are
   * better.
   */
  private static final int UPPER_BLOCKS = 2;

  private static final int LOWER_BLOCKS = 8;

  private CudaMagnitudes() {}

  /** See {@link io.github.wandacuda.device.GpuSelectKernels#countUpper}. */
  static void countUpper(CudaQueue queue, DeviceRows source, DevicePointer counts) {
    CudaSelection.checkRows(source);
    queue.launch(
        function(queue, "count_upper", source),
        blocks(queue, source, UPPER_BLOCKS),
        UPPER_THREADS,
        0,
        source.data(),
        source.rows(),
        source.columns(),
        source.stride(),
        counts);
  }

  /** See {@link io.github.wandacuda.device.GpuSelectKernels#countLower}. */
  static void countLower(CudaQueue queue, DeviceRows source, int upper, DevicePointer counts) {
    CudaSelection.checkRows(source);
    queue.launch(
        function(queue, "count_lower", source),
        blocks(queue, source, LOWER_BLOCKS),
        CudaSelection.MOST_THREADS,
        0,
        source.data(),
        source.rows(),
        source.columns(),
        source.stride(),
        upper,
        counts);
  }

  private static CudaFunction function(CudaQueue queue, String name, DeviceRows source) {
    return queue.device().function("magnitudes", KernelNames.of(name, source.dtype()));
  }

  private static Grid blocks(CudaQueue queue, DeviceRows source, int forEachMultiprocessor) {
    return LaunchShape.blocks(
        Math.min(source.rows(), (long) queue.device().multiprocessors() * forEachMultiprocessor));
  }
}
