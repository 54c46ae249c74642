package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GrowingBuffer;

/**
 * Launches the sums of squares of columns, which are pairs of floats: {@code column_squares.cl}.
 * The memory for blocks' sums is kept from one call to the next.
 */
final class OpenClColumnSquares implements AutoCloseable {
  private static final String FILE = "column_squares.cl";

  /** Tokens whose squares a work-item adds. */
  private static final int BLOCK = 256;

  private final OpenClQueue queue;
  private final GrowingBuffer partials;

  OpenClColumnSquares(OpenClQueue queue) {
    this.queue = queue;
    partials = new GrowingBuffer(queue.device(), queue);
  }

  /** Returns the bytes of the sums of a number of columns. */
  static long bytes(int columns) {
    return 2L * columns * Float.BYTES;
  }

  /** Adds the squares of a matrix to the sums of {@code state}. */
  void add(DeviceRows x, DevicePointer state) {
    int blocks = Math.ceilDiv(x.rows(), BLOCK);
    DevicePointer sums = partials.atLeast(blocks * bytes(x.columns()));
    queue.columns(
        kernel("column_squares_blocks", x.dtype()),
        x.columns(),
        blocks,
        x.data(),
        sums,
        x.rows(),
        x.columns(),
        x.stride());
    queue.elements(
        kernel("column_squares_fold", DType.F32), x.columns(), sums, blocks, state, x.columns());
  }

  /** Writes each sum as two floats. */
  void write(DevicePointer state, int columns, DevicePointer sums) {
    queue.elements(kernel("column_sums", DType.F32), 2L * columns, state, sums, 2L * columns);
  }

  private OpenClKernel kernel(String name, DType dtype) {
    return queue.device().kernel(FILE, name, OpenClLinear.weightOption(dtype));
  }

  @Override
  public void close() {
    partials.close();
  }
}
