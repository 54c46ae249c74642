package io.github.wandacuda.simd;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseKernels;
import io.github.wandacuda.SparseMatrix;

/**
 * Products on a processor that expands vectors of 512 bits. The time is that of reading the matrix,
 * so rows that are multiplied together lie far apart in a range: a thread then reads uninterrupted
 * streams of values, which the processor fetches ahead of it.
 */
public final class ExpandRows implements SparseKernels {
  /** Bytes that a vector reads, from the first value of a step on. */
  private static final int VECTOR = 64;

  private final ThreadLocal<ColumnBlocks> blocks = ThreadLocal.withInitial(ColumnBlocks::new);
  private final ThreadLocal<SparseBuffers> buffers = ThreadLocal.withInitial(SparseBuffers::new);

  /** Creates kernels with no buffers yet. */
  public ExpandRows() {}

  @Override
  public boolean isFasterThanDense(DType dtype) {
    return true;
  }

  @Override
  public String description() {
    return "expanded in 512-bit vectors";
  }

  @Override
  public void multiply(
      SparseMatrix matrix,
      float[] x,
      int xOffset,
      int count,
      float[] out,
      int outOffset,
      int from,
      int to) {
    int end = Math.clamp(readableRows(matrix), from, to);
    if (matrix.dtype() == DType.F16) {
      SparseBuffers own = buffers.get();
      own.load(matrix, x, xOffset, count);
      new HalfProduct(matrix, own, out, outOffset, count).multiply(from, end, to);
      return;
    }
    ColumnBlocks own = blocks.get();
    own.load(matrix, x, xOffset, count, matrix.dtype() == DType.BF16);
    BlockProduct product = new BlockProduct(matrix, own, out, outOffset, count);
    product.ones(product.fours(from, end), to);
  }

  /** Returns how many rows can be read by whole vectors without leaving the memory. */
  private static int readableRows(SparseMatrix matrix) {
    long bytes = matrix.dtype().bytes();
    long last = matrix.values().byteSize() - VECTOR;
    int rows = matrix.rows();
    while (rows > 0 && matrix.rowOffset(rows) * bytes > last) {
      rows--;
    }
    return rows;
  }
}
