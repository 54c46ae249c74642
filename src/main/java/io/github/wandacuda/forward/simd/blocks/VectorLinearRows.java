package io.github.wandacuda.forward.simd.blocks;

import io.github.wandacuda.forward.reference.CpuForwardKernels;
import io.github.wandacuda.forward.reference.CpuTensor;
import io.github.wandacuda.simd.Lanes;
import io.github.wandacuda.system.WorkerPool;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * Linear layers of one to a few rows of activations, as when a text is generated token by token.
 * The time is that of reading the weights: a run of a block's columns is read from memory once, and
 * is in the first-level cache when the next rows are multiplied with it. Vectors run across
 * features, and sums are added in the order of the blocked product.
 */
public final class VectorLinearRows {
  /** The most rows for which this takes less time than a blocked product. */
  public static final int MOST_ROWS = 8;

  private static final int RUN = CpuForwardKernels.RUN;
  private static final int FEATURES = FeatureBlocks.FEATURES;

  private final WorkerLocal<Sums> sums = new WorkerLocal<>(Sums::new);

  private static final class Sums {
    final float[] chains = new float[MOST_ROWS * FEATURES];
    final float[] totals = new float[MOST_ROWS * FEATURES];
  }

  /** Creates kernels with no buffers yet. */
  public VectorLinearRows() {}

  /** See {@link CpuForwardKernels}; x has at most {@link #MOST_ROWS} rows. */
  public void linear(
      CpuTensor x, FeatureBlocks w, CpuTensor bias, CpuTensor out, WorkerPool workers) {
    sums.prepare(workers);
    workers.runRanges(
        w.rows(),
        FEATURES,
        (worker, from, to) -> {
          Sums own = sums.of(worker);
          multiply(x, w, from, own);
          write(own.totals, bias, out, from, to - from);
        });
  }

  private static void multiply(CpuTensor x, FeatureBlocks w, int feature, Sums own) {
    // -0 changes no chain that is added to it, not even the sign of a zero.
    Arrays.fill(own.totals, -0f);
    int column = 0;
    do {
      int depth = Math.min(RUN, w.columns() - column);
      Arrays.fill(own.chains, 0f);
      for (int row = 0; row < x.rows(); row++) {
        int at = x.at(row) + column;
        long from = w.at(feature, column);
        int to = row * FEATURES;
        switch (w.dtype()) {
          case F32 -> BlockChains.floats(w.data(), from, depth, x.data(), at, own.chains, to);
          case F16 -> BlockChains.halves(w.data(), from, depth, x.data(), at, own.chains, to);
          case BF16 -> BlockChains.bfloats(w.data(), from, depth, x.data(), at, own.chains, to);
        }
      }
      add(own.totals, own.chains, x.rows() * FEATURES);
      column += RUN;
    } while (column < w.columns());
  }

  private static void add(float[] totals, float[] chains, int count) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      load(totals, i).add(load(chains, i)).intoArray(totals, i);
    }
  }

  private static void write(float[] totals, CpuTensor bias, CpuTensor out, int feature, int count) {
    for (int row = 0; row < out.rows(); row++) {
      int from = row * FEATURES;
      int to = out.at(row) + feature;
      System.arraycopy(totals, from, out.data(), to, count);
      for (int i = 0; bias != null && i < count; i++) {
        out.data()[to + i] += bias.data()[bias.at(0) + feature + i];
      }
    }
  }

  private static FloatVector load(float[] data, int at) {
    return FloatVector.fromArray(Lanes.FLOATS, data, at);
  }
}
