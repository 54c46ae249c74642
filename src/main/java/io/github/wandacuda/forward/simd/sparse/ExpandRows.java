package io.github.wandacuda.forward.simd.sparse;

import io.github.wandacuda.SparseKernels;
import io.github.wandacuda.SparseMatrix;
import java.lang.foreign.MemorySegment;

/**
 * Products on a processor that expands vectors of 512 bits. The time is that of reading the matrix,
 * so rows that are multiplied together lie far apart in a range: a thread then reads uninterrupted
 * streams of values, which the processor fetches ahead of it. One row of activations is multiplied
 * by four rows of weights at a time, more are by two.
 */
public final class ExpandRows implements SparseKernels {
  /** Rows of weights at a time. */
  static final int ROWS = 4;

  /** Rows of activations at a time, where there is more than one. */
  private static final int TOGETHER = 4;

  /** Bytes that a vector reads, from the first value of a step on. */
  private static final int VECTOR = 64;

  private final ThreadLocal<SparseBuffers> buffers = ThreadLocal.withInitial(SparseBuffers::new);

  /** Creates kernels with no buffers yet. */
  public ExpandRows() {}

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
    SparseBuffers own = buffers.get();
    int end = Math.clamp(readableRows(matrix), from, to);
    int columns = matrix.columns();
    for (int t = 0; t < count; t += TOGETHER) {
      int part = Math.min(TOGETHER, count - t);
      own.load(matrix, x, xOffset + t * columns, part, part == 1 ? 1 : TOGETHER);
      Product product = new Product(matrix, own, out, outOffset + t * matrix.rows(), part);
      int done = part == 1 ? product.fours(from, end) : product.twos(from, end);
      product.ones(done, to);
    }
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

  /** One call's operands. */
  private record Product(
      SparseMatrix matrix, SparseBuffers own, float[] out, int outOffset, int count) {

    /** Multiplies as many rows as fours make up and returns the first that is left. */
    int fours(int from, int to) {
      int distance = (to - from) / ROWS;
      for (int row = from; row < from + distance; row++) {
        for (int i = 0; i < ROWS; i++) {
          own.loadBits(matrix.bitmask(), matrix.columns(), row + i * distance, i);
        }
        long v0 = start(row);
        long v1 = start(row + distance);
        long v2 = start(row + 2 * distance);
        long v3 = start(row + 3 * distance);
        MemorySegment values = matrix.values();
        boolean done = true;
        switch (matrix.dtype()) {
          case BF16 -> BfloatRows.four(values, v0, v1, v2, v3, own);
          case F16 -> done = HalfRows.four(values, v0, v1, v2, v3, own);
          case F32 -> SingleRows.four(values, v0, v1, v2, v3, own);
        }
        for (int i = 0; i < ROWS; i++) {
          if (done) {
            out[outOffset + row + i * distance] = sum(i);
          } else {
            one(row + i * distance);
          }
        }
      }
      return from + ROWS * distance;
    }

    /** Likewise by twos. */
    int twos(int from, int to) {
      int distance = (to - from) / 2;
      for (int row = from; row < from + distance; row++) {
        own.loadBits(matrix.bitmask(), matrix.columns(), row, 0);
        own.loadBits(matrix.bitmask(), matrix.columns(), row + distance, 1);
        long v0 = start(row);
        long v1 = start(row + distance);
        MemorySegment values = matrix.values();
        boolean done = true;
        switch (matrix.dtype()) {
          case BF16 -> BfloatRows.two(values, v0, v1, own);
          case F16 -> done = HalfRows.two(values, v0, v1, own);
          case F32 -> SingleRows.two(values, v0, v1, own);
        }
        if (!done) {
          one(row);
          one(row + distance);
          continue;
        }
        for (int t = 0; t < count; t++) {
          int at = outOffset + t * matrix.rows() + row;
          out[at] = sum(t);
          out[at + distance] = sum(TOGETHER + t);
        }
      }
      return from + 2 * distance;
    }

    /** Multiplies each row alone. */
    void ones(int from, int to) {
      for (int row = from; row < to; row++) {
        one(row);
      }
    }

    /** Multiplies a row, whatever its values are and however close the end of the memory. */
    private void one(int row) {
      MemorySegment values = matrix.values();
      own.loadBits(matrix.bitmask(), matrix.columns(), row, 0);
      for (int t = 0; t < count; t++) {
        int at = own.at(t);
        switch (matrix.dtype()) {
          case BF16 -> BfloatRows.one(values, start(row), own, at);
          case F16 -> HalfRows.one(values, start(row), own, at);
          case F32 -> SingleRows.one(values, start(row), own, at);
        }
        out[outOffset + t * matrix.rows() + row] = sum(0);
      }
    }

    private long start(int row) {
      return matrix.rowOffset(row) * matrix.dtype().bytes();
    }

    private float sum(int place) {
      int at = place * CHAINS;
      return switch (matrix.dtype()) {
        case F32 -> ChainSums.inOrder(own.chains, at);
        case F16, BF16 -> ChainSums.alternate(own.chains, at);
      };
    }
  }
}
