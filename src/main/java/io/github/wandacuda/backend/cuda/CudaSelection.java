package io.github.wandacuda.backend.cuda;

import static io.github.wandacuda.backend.gpu.GpuSelectKernels.ROW_ALIGNMENT;

import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import java.util.Arrays;
import java.util.stream.Stream;

/**
 * The operands of a selection, see {@link io.github.wandacuda.backend.gpu.GpuSelectKernels#select},
 * and the launch of its kernels.
 */
record CudaSelection(
    CudaQueue queue,
    DeviceRows source,
    DevicePointer norms,
    DeviceRows destination,
    DevicePointer mask,
    DevicePointer report) {
  /** The most threads of a block in most kernels. */
  static final int MOST_THREADS = 256;

  private static final int WARP = 32;
  private static final int VECTOR_BYTES = 16;

  CudaSelection {
    checkRows(source);
    checkRows(destination);
    checkAligned(norms);
  }

  /** Returns a kernel for the weights' type. */
  CudaFunction function(String file, String kernel) {
    return queue.device().function(file, CudaFunction.name(kernel, source.dtype()));
  }

  /**
   * Queues a kernel with a block for each row; {@code rule} are its arguments after those that all
   * these kernels have.
   */
  void launch(CudaFunction function, int threads, int sharedBytes, Object... rule) {
    launchBlocks(function, source.rows(), threads, sharedBytes, rule);
  }

  /** The same with a number of blocks. */
  void launchBlocks(
      CudaFunction function, int blocks, int threads, int sharedBytes, Object... rule) {
    Object[] common = {
      source.data(), norms, destination.data(), mask, report, source.columns(), source.stride()
    };
    Object[] arguments = Stream.of(common, rule).flatMap(Arrays::stream).toArray();
    queue.launch(function, Grid.of(blocks), threads, sharedBytes, arguments);
  }

  /** Returns the threads for a row of which each thread reads a vector at a time. */
  static int vectorThreads(DeviceRows source) {
    return warps(Math.ceilDiv(source.columns(), VECTOR_BYTES / source.dtype().bytes()));
  }

  /** Returns a number of threads rounded up to whole warps, at most {@link #MOST_THREADS}. */
  static int warps(int threads) {
    return Math.ceilDiv(Math.min(threads, MOST_THREADS), WARP) * WARP;
  }

  /** Checks that the rows of a matrix start at multiples of 16 bytes. */
  static void checkRows(DeviceRows matrix) {
    checkAligned(matrix.data());
    if (matrix.pitch() % ROW_ALIGNMENT != 0) {
      throw new IllegalArgumentException("rows are not aligned: " + matrix);
    }
  }

  private static void checkAligned(DevicePointer pointer) {
    if (pointer.offset() % ROW_ALIGNMENT != 0) {
      throw new IllegalArgumentException("not at a multiple of 16 bytes: " + pointer);
    }
  }
}
