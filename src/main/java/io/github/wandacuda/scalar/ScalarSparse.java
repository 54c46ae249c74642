package io.github.wandacuda.scalar;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseKernels;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** Products with a sparse matrix as plain loops, the specification of every other kernel. */
public final class ScalarSparse implements SparseKernels {
  @Override
  public void multiply(
      SparseMatrix w, float[] x, int xAt, int count, float[] out, int outAt, int from, int to) {
    float[] row = new float[w.columns()];
    float[] chains = new float[CHAINS];
    byte[] bytes = new byte[Math.multiplyExact(w.columns(), w.dtype().bytes())];
    WeightMatrix dense = WeightMatrix.of(MemorySegment.ofArray(bytes), w.dtype(), 1, w.columns());
    for (int o = from; o < to; o++) {
      w.unpack(o, dense);
      dense.read(0, 0, row.length, row, 0);
      for (int t = 0; t < count; t++) {
        out[outAt + t * w.rows() + o] = dot(row, x, xAt + t * w.columns(), chains);
      }
    }
  }

  private static float dot(float[] row, float[] x, int at, float[] chains) {
    Arrays.fill(chains, 0f);
    int padded = Math.ceilDiv(row.length, CHAINS) * CHAINS;
    for (int c = 0; c < padded; c++) {
      float weight = c < row.length ? row[c] : 0f;
      float factor = c < row.length ? x[at + c] : 0f;
      chains[c % CHAINS] = Math.fma(weight, factor, chains[c % CHAINS]);
    }
    return LaneSum.combine(chains);
  }

  @Override
  public boolean isFasterThanDense(DType dtype) {
    return false;
  }

  @Override
  public String description() {
    return "one by one";
  }
}
