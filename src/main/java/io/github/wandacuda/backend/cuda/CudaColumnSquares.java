package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GrowingBuffer;

/**
 * Launches the sums of squares of columns, which have the CPU's bits: {@code
 * kernels/forward/column_squares.cu}. The memory for runs' sums is kept from one call to the next.
 */
final class CudaColumnSquares implements AutoCloseable {
  private static final String FILE = "column_squares";

  /** Tokens of a run. */
  private static final int RUN = 32;

  /** The most runs whose sums are in memory at a time. */
  private static final int MOST_RUNS = 256;

  private static final int WARP = 32;
  private static final int WARPS = 4;

  private final CudaQueue queue;
  private final GrowingBuffer runSums;

  CudaColumnSquares(CudaQueue queue) {
    this.queue = queue;
    runSums = new GrowingBuffer(queue.device(), queue);
  }

  /** Adds the squares of a matrix to the doubles of {@code state}. */
  void add(DeviceRows x, DevicePointer state) {
    for (int first = 0; first < x.rows(); first += MOST_RUNS * RUN) {
      addRows(x.rowRange(first, Math.min(MOST_RUNS * RUN, x.rows() - first)), state);
    }
  }

  private void addRows(DeviceRows x, DevicePointer state) {
    int columns = x.columns();
    int runs = Math.ceilDiv(x.rows(), RUN);
    DevicePointer sums = runSums.atLeast((long) runs * columns * Float.BYTES);
    queue.launch(
        function(CudaFunction.name("column_squares_runs", x.dtype())),
        Grid.of(Grid.tiles(runs, WARPS, columns, WARP)),
        WARPS * WARP,
        0,
        x.data(),
        x.rows(),
        columns,
        x.stride(),
        sums);
    launch("column_squares_fold", columns, sums, runs, columns, state);
  }

  /** Writes each sum as two floats. */
  void write(DevicePointer state, int columns, DevicePointer sums) {
    launch("column_sums", columns, state, columns, sums);
  }

  /** Launches a kernel with a thread for each column. */
  private void launch(String name, int columns, Object... arguments) {
    Grid grid = Grid.of(Math.ceilDiv(columns, WARP));
    queue.launch(function(name), grid, WARP, 0, arguments);
  }

  private CudaFunction function(String name) {
    return queue.device().function(FILE, name);
  }

  @Override
  public void close() {
    runSums.close();
  }
}
