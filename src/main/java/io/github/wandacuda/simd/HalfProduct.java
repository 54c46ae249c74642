package io.github.wandacuda.simd;

import io.github.wandacuda.SparseMatrix;
import java.lang.foreign.MemorySegment;

/** One call's operands, weights of F16. */
record HalfProduct(SparseMatrix matrix, SparseBuffers own, float[] out, int outOffset, int count) {
  private static final int ROWS = ColumnBlocks.ROWS;

  /** Multiplies rows, of which those from {@code end} on are close to the end of the memory. */
  void multiply(int from, int end, int to) {
    int distance = (end - from) / ROWS;
    MemorySegment values = matrix.values();
    for (int row = from; row < from + distance; row++) {
      for (int i = 0; i < ROWS; i++) {
        own.loadBits(matrix.bitmask(), matrix.columns(), row + i * distance, i);
      }
      long v0 = start(row);
      long v1 = start(row + distance);
      long v2 = start(row + 2 * distance);
      long v3 = start(row + 3 * distance);
      HalfRows.four(values, v0, v1, v2, v3, own);
      for (int i = 0; i < ROWS; i++) {
        sums(i, row + i * distance);
      }
    }
    for (int row = from + ROWS * distance; row < to; row++) {
      own.loadBits(matrix.bitmask(), matrix.columns(), row, 0);
      HalfRows.one(values, start(row), own);
      sums(0, row);
    }
  }

  private void sums(int place, int row) {
    HalfRows.widen(own, place);
    for (int t = 0; t < count; t++) {
      PanelSums.chains(own.panel, own.activations, own.at(t), own.steps, own.chains);
      out[outOffset + t * matrix.rows() + row] = ChainSums.inOrder(own.chains, 0);
    }
  }

  private long start(int row) {
    return matrix.rowOffset(row) * matrix.dtype().bytes();
  }
}
