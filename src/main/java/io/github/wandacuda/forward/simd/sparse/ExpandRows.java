package io.github.wandacuda.forward.simd.sparse;

import io.github.wandacuda.DType;
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
    SparseBuffers own = buffers.get();
    int end = Math.clamp(readableRows(matrix), from, to);
    if (matrix.dtype() == DType.F16) {
      own.loadInOrder(matrix, x, xOffset, count, count);
      new HalfProduct(matrix, own, out, outOffset, count).multiply(from, end, to);
      return;
    }
    for (int t = 0; t < count; t += TOGETHER) {
      int part = Math.min(TOGETHER, count - t);
      int room = part == 1 ? 1 : TOGETHER;
      if (matrix.dtype() == DType.F32) {
        own.loadInOrder(matrix, x, xOffset + t * matrix.columns(), part, room);
      } else {
        own.loadAlternate(matrix, x, xOffset + t * matrix.columns(), part, room);
      }
      Product product = new Product(matrix, own, out, outOffset + t * matrix.rows(), part);
      product.ones(part == 1 ? product.fours(from, end) : product.twos(from, end), to);
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

  private static long start(SparseMatrix matrix, int row) {
    return matrix.rowOffset(row) * matrix.dtype().bytes();
  }

  /** One call's operands, weights of BF16 or float32. */
  private record Product(
      SparseMatrix matrix, SparseBuffers own, float[] out, int outOffset, int count) {

    /** Multiplies as many rows as fours make up and returns the first that is left. */
    int fours(int from, int to) {
      int distance = (to - from) / ROWS;
      MemorySegment values = matrix.values();
      for (int row = from; row < from + distance; row++) {
        for (int i = 0; i < ROWS; i++) {
          own.loadBits(matrix.bitmask(), matrix.columns(), row + i * distance, i);
        }
        long v0 = start(matrix, row);
        long v1 = start(matrix, row + distance);
        long v2 = start(matrix, row + 2 * distance);
        long v3 = start(matrix, row + 3 * distance);
        if (matrix.dtype() == DType.BF16) {
          BfloatRows.four(values, v0, v1, v2, v3, own);
        } else {
          SingleRows.four(values, v0, v1, v2, v3, own);
        }
        for (int i = 0; i < ROWS; i++) {
          out[outOffset + row + i * distance] = sum(i);
        }
      }
      return from + ROWS * distance;
    }

    /** Likewise by twos. */
    int twos(int from, int to) {
      int distance = (to - from) / 2;
      MemorySegment values = matrix.values();
      for (int row = from; row < from + distance; row++) {
        own.loadBits(matrix.bitmask(), matrix.columns(), row, 0);
        own.loadBits(matrix.bitmask(), matrix.columns(), row + distance, 1);
        long v0 = start(matrix, row);
        long v1 = start(matrix, row + distance);
        if (matrix.dtype() == DType.BF16) {
          BfloatRows.two(values, v0, v1, own);
        } else {
          SingleRows.two(values, v0, v1, own);
        }
        for (int t = 0; t < count; t++) {
          int at = outOffset + t * matrix.rows() + row;
          out[at] = sum(t);
          out[at + distance] = sum(TOGETHER + t);
        }
      }
      return from + 2 * distance;
    }

    /** Multiplies each row alone, however close the end of the memory is. */
    void ones(int from, int to) {
      MemorySegment values = matrix.values();
      for (int row = from; row < to; row++) {
        own.loadBits(matrix.bitmask(), matrix.columns(), row, 0);
        for (int t = 0; t < count; t++) {
          if (matrix.dtype() == DType.BF16) {
            BfloatRows.one(values, start(matrix, row), own, own.at(t));
          } else {
            SingleRows.one(values, start(matrix, row), own, own.at(t));
          }
          out[outOffset + t * matrix.rows() + row] = sum(0);
        }
      }
    }

    private float sum(int place) {
      int at = place * CHAINS;
      return matrix.dtype() == DType.BF16
          ? ChainSums.alternate(own.chains, at)
          : ChainSums.inOrder(own.chains, at);
    }
  }

  /** One call's operands, weights of F16. */
  private record HalfProduct(
      SparseMatrix matrix, SparseBuffers own, float[] out, int outOffset, int count) {

    /** Multiplies rows, of which those from {@code end} on are close to the end of the memory. */
    void multiply(int from, int end, int to) {
      int distance = (end - from) / ROWS;
      MemorySegment values = matrix.values();
      for (int row = from; row < from + distance; row++) {
        for (int i = 0; i < ROWS; i++) {
          own.loadBits(matrix.bitmask(), matrix.columns(), row + i * distance, i);
        }
        long v0 = start(matrix, row);
        long v1 = start(matrix, row + distance);
        long v2 = start(matrix, row + 2 * distance);
        long v3 = start(matrix, row + 3 * distance);
        HalfRows.four(values, v0, v1, v2, v3, own);
        for (int i = 0; i < ROWS; i++) {
          sums(i, row + i * distance);
        }
      }
      for (int row = from + ROWS * distance; row < to; row++) {
        own.loadBits(matrix.bitmask(), matrix.columns(), row, 0);
        HalfRows.one(values, start(matrix, row), own);
        sums(0, row);
      }
    }

    private void sums(int place, int row) {
      HalfRows.widen(own, place);
      for (int t = 0; t < count; t++) {
        PanelSums.chains(own.panel, own.first, own.at(t), own.steps, own.chains);
        out[outOffset + t * matrix.rows() + row] = ChainSums.inOrder(own.chains, 0);
      }
    }
  }
}
