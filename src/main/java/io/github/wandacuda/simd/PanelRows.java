package io.github.wandacuda.simd;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseKernels;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.scalar.LaneSum;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Products on a processor that doesn't expand vectors: each row is unpacked one by one to float32
 * and multiplied by vectors. That takes longer than reading the dense matrix would.
 */
public final class PanelRows implements SparseKernels {
  private final ThreadLocal<SparseBuffers> buffers = ThreadLocal.withInitial(SparseBuffers::new);

  @Override
  public boolean isFasterThanDense(DType dtype) {
    return false;
  }

  @Override
  public String description() {
    return "unpacked, since the processor doesn't expand vectors";
  }

  @Override
  public void multiply(
      SparseMatrix w, float[] x, int xAt, int count, float[] out, int outAt, int from, int to) {
    SparseBuffers own = buffers.get();
    own.take(w, x, xAt, count);
    for (int row = from; row < to; row++) {
      own.loadBits(w.bitmask(), w.columns(), row, 0);
      unpack(w, row, own);
      for (int t = 0; t < count; t++) {
        own.multiply(t);
        out[outAt + t * w.rows() + row] = LaneSum.combine(own.chains);
      }
    }
  }

  private static void unpack(SparseMatrix matrix, int row, SparseBuffers own) {
    Arrays.fill(own.panel, 0, own.steps * SparseBuffers.STEP, 0f);
    int bytes = matrix.dtype().bytes();
    long at = matrix.rowOffset(row) * bytes;
    MemorySegment values = matrix.values();
    for (int j = 0; j < own.steps; j++) {
      int column = j * SparseBuffers.STEP;
      for (int bits = own.bits[j]; bits != 0; bits &= bits - 1) {
        own.panel[column + Integer.numberOfTrailingZeros(bits)] = matrix.dtype().value(values, at);
        at += bytes;
      }
    }
  }
}
