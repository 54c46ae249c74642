package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.load;

import io.github.wandacuda.DType;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.system.WorkerPool;
import java.util.Arrays;

/**
 * Linear layers of one to a few rows of activations, as when a text is generated token by token.
 * The time is that of reading the weights: some columns of a few blocks are read from memory once,
 * and are in the first-level cache when the next rows are multiplied with them. Vectors run across
 * features, and sums are added in the order of the blocked product.
 */
final class VectorLinearRows {
  /** The most rows for which this takes less time than a blocked product. */
  public static final int MOST_ROWS = 8;

  private static final int RUN = CpuForwardKernels.RUN;
  private static final int FEATURES = FeatureBlocks.FEATURES;

  /** Blocks of 16 bits that are read side by side. */
  private static final int BLOCKS = 4;

  private static final int F32_BLOCKS = 2;

  /** Columns that stay in the first-level cache: 16 KB as BF16, 32 KB widened. */
  private static final int COLUMNS = 64;

  private final WorkerLocal<Sums> sums = new WorkerLocal<>(Sums::new);

  private static final class Sums {
    final float[] chains = new float[MOST_ROWS * BLOCKS * FEATURES];
    final float[] totals = new float[MOST_ROWS * BLOCKS * FEATURES];
    final float[] widened = new float[BLOCKS * COLUMNS * FEATURES];
  }

  /** See {@link CpuForwardKernels}; x has at most {@link #MOST_ROWS} rows. */
  public void linear(
      CpuTensor x, FeatureBlocks w, CpuTensor bias, CpuTensor out, WorkerPool workers) {
    sums.prepare(workers);
    int width = (w.dtype() == DType.F32 ? F32_BLOCKS : BLOCKS) * FEATURES;
    workers.runRanges(
        w.rows(),
        width,
        (worker, from, to) -> {
          Sums own = sums.of(worker);
          multiply(x, w, from, width, own);
          write(own.totals, width, bias, out, from, to - from);
        });
  }

  private static void multiply(CpuTensor x, FeatureBlocks w, int feature, int width, Sums own) {
    int count = x.rows() * width;
    int most = x.rows() == 1 && w.dtype() != DType.F16 ? RUN : COLUMNS;
    // -0 changes no chain that is added to it, not even the sign of a zero.
    Arrays.fill(own.totals, 0, count, -0f);
    int column = 0;
    do {
      int end = Math.min(w.columns(), column + RUN);
      Arrays.fill(own.chains, 0, count, 0f);
      while (column < end) {
        int depth = Math.min(most, end - column);
        multiply(x, w, feature, width, column, depth, own);
        column += depth;
      }
      add(own.totals, own.chains, count);
    } while (column < w.columns());
  }

  /** Goes on with the chains of all rows. */
  private static void multiply(
      CpuTensor x, FeatureBlocks w, int feature, int width, int column, int depth, Sums own) {
    long a = at(w, feature, 0, column);
    long b = at(w, feature, 1, column);
    long c = at(w, feature, 2, column);
    long d = at(w, feature, 3, column);
    int stride = depth * FEATURES;
    if (w.dtype() == DType.F16) {
      FeatureBlocks.halves(w.data(), a, stride, own.widened, 0);
      FeatureBlocks.halves(w.data(), b, stride, own.widened, stride);
      FeatureBlocks.halves(w.data(), c, stride, own.widened, 2 * stride);
      FeatureBlocks.halves(w.data(), d, stride, own.widened, 3 * stride);
    }
    for (int row = 0; row < x.rows(); row++) {
      int from = x.at(row) + column;
      int to = row * width;
      switch (w.dtype()) {
        case F32 -> BlockChains.floats(w.data(), a, b, depth, x.data(), from, own.chains, to);
        case F16 -> BlockChains.panel(own.widened, stride, depth, x.data(), from, own.chains, to);
        case BF16 ->
            BlockChains.bfloats(w.data(), a, b, c, d, depth, x.data(), from, own.chains, to);
      }
    }
  }

  /** Returns the offset of a block after another; of the last one instead of those after it. */
  private static long at(FeatureBlocks w, int feature, int block, int column) {
    int last = (w.rows() - 1) / FEATURES * FEATURES;
    return w.at(Math.min(last, feature + block * FEATURES), column);
  }

  private static void add(float[] totals, float[] chains, int count) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      load(totals, i).add(load(chains, i)).intoArray(totals, i);
    }
  }

  private static void write(
      float[] totals, int width, CpuTensor bias, CpuTensor out, int feature, int count) {
    for (int row = 0; row < out.rows(); row++) {
      int from = row * width;
      int to = out.at(row) + feature;
      System.arraycopy(totals, from, out.data(), to, count);
      for (int i = 0; bias != null && i < count; i++) {
        out.data()[to + i] += bias.data()[bias.at(0) + feature + i];
      }
    }
  }
}
