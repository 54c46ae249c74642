package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.FeatureBlocks.highBfloats;
import static io.github.wandacuda.simd.FeatureBlocks.lowBfloats;
import static io.github.wandacuda.simd.FeatureBlocks.pairs;
import static io.github.wandacuda.simd.Lanes.load;

import io.github.wandacuda.DType;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.PackedWeight;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Linear layers of one to a few rows of activations, as when a text is generated token by token.
 * The time is that of reading the weights: some columns of a few blocks are read from memory once,
 * and are in the first-level cache when the next rows are multiplied by them. Vectors run across
 * features, and sums are added in the order of the blocked product.
 *
 * <p>The chains of fused multiply-adds of one row of activations and some blocks, which are read
 * side by side, are one method for each type of weights. Each is small enough for the JIT to keep
 * all vectors in registers: with six loads from a segment instead of four it gives up, and takes
 * three times as long. The chains of each block follow those of the block before.
 */
final class VectorLinearRows {
  /** The most rows for which this is faster than a blocked product. */
  public static final int MOST_ROWS = 8;

  private static final int RUN = CpuForwardKernels.RUN;
  private static final int FEATURES = FeatureBlocks.FEATURES;
  private static final int W = Lanes.COUNT;

  /** Bytes of a vector. */
  private static final int STEP = W * Float.BYTES;

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

  /** Continues the chains of all rows of activations with columns of a weight. */
  private interface Columns {
    /**
     * Continues the chains.
     *
     * @param feature the first feature
     * @param column the first column
     * @param end one past the last column
     * @param own the worker's chains
     * @return the next column, {@code end} at most
     */
    int multiply(int feature, int column, int end, Sums own);
  }

  /** See {@link CpuForwardKernels}; x has at most {@link #MOST_ROWS} rows. */
  public void linear(
      CpuTensor x, FeatureBlocks w, CpuTensor bias, CpuTensor out, WorkerPool workers) {
    int width = (w.dtype() == DType.F32 ? F32_BLOCKS : BLOCKS) * FEATURES;
    int most = x.rows() == 1 && w.dtype() != DType.F16 ? RUN : COLUMNS;
    Columns columns =
        (feature, column, end, own) -> {
          int depth = Math.min(most, end - column);
          multiply(x, w, feature, width, column, depth, own);
          return column + depth;
        };
    linear(w, width, columns, bias, out, workers);
  }

  /** Multiplies by codes instead of numbers. */
  void linear(CpuTensor x, CodeBlocks w, CpuTensor bias, CpuTensor out, WorkerPool workers) {
    Columns columns =
        (feature, column, end, own) ->
            VectorLinearCodes.multiply(x, w, feature, column, end, own.chains);
    linear(w, VectorLinearCodes.WIDTH, columns, bias, out, workers);
  }

  private void linear(
      PackedWeight w,
      int width,
      Columns columns,
      CpuTensor bias,
      CpuTensor out,
      WorkerPool workers) {
    sums.prepare(workers);
    workers.runRanges(
        w.rows(),
        width,
        (worker, from, to) -> {
          Sums own = sums.of(worker);
          multiply(w.columns(), columns, from, out.rows() * width, own);
          write(own.totals, width, bias, out, from, to - from);
        });
  }

  private static void multiply(int end, Columns columns, int feature, int count, Sums own) {
    // -0 changes no chain that is added to it, not even the sign of a zero.
    Arrays.fill(own.totals, 0, count, -0f);
    int column = 0;
    do {
      int runEnd = Math.min(end, column + RUN);
      Arrays.fill(own.chains, 0, count, 0f);
      while (column < runEnd) {
        column = columns.multiply(feature, column, runEnd, own);
      }
      add(own.totals, own.chains, count);
    } while (column < end);
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
        case F32 -> floats(w.data(), a, b, depth, x.data(), from, own.chains, to);
        case F16 -> panel(own.widened, stride, depth, x.data(), from, own.chains, to);
        case BF16 -> bfloats(w.data(), a, b, c, d, depth, x.data(), from, own.chains, to);
      }
    }
  }

  /**
   * Returns where a block is, counted from the one of a feature; the last block stands for blocks
   * behind it.
   */
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
      System.arraycopy(totals, row * width, out.data(), out.at(row) + feature, count);
      out.addBias(row, bias, feature, count);
    }
  }

  /**
   * Multiplies two blocks of float32.
   *
   * @param a the offset of the first block's first column
   * @param b that of the second one's
   * @param depth columns
   * @param at the first activation
   */
  private static void floats(
      MemorySegment weights, long a, long b, int depth, float[] x, int at, float[] chains, int to) {
    FloatVector a0 = load(chains, to);
    FloatVector a1 = load(chains, to + W);
    FloatVector b0 = load(chains, to + 2 * W);
    FloatVector b1 = load(chains, to + 3 * W);
    for (int k = 0; k < depth; k++) {
      long step = (long) k * (2 * STEP);
      FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, x[at + k]);
      a0 = factor.fma(FeatureBlocks.floats(weights, a + step), a0);
      a1 = factor.fma(FeatureBlocks.floats(weights, a + step + STEP), a1);
      b0 = factor.fma(FeatureBlocks.floats(weights, b + step), b0);
      b1 = factor.fma(FeatureBlocks.floats(weights, b + step + STEP), b1);
    }
    a0.intoArray(chains, to);
    a1.intoArray(chains, to + W);
    b0.intoArray(chains, to + 2 * W);
    b1.intoArray(chains, to + 3 * W);
  }

  /** Multiplies four blocks of BF16. */
  private static void bfloats(
      MemorySegment weights,
      long a,
      long b,
      long c,
      long d,
      int depth,
      float[] x,
      int at,
      float[] chains,
      int to) {
    FloatVector a0 = load(chains, to);
    FloatVector a1 = load(chains, to + W);
    FloatVector b0 = load(chains, to + 2 * W);
    FloatVector b1 = load(chains, to + 3 * W);
    FloatVector c0 = load(chains, to + 4 * W);
    FloatVector c1 = load(chains, to + 5 * W);
    FloatVector d0 = load(chains, to + 6 * W);
    FloatVector d1 = load(chains, to + 7 * W);
    for (int k = 0; k < depth; k++) {
      long step = (long) k * STEP;
      FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, x[at + k]);
      IntVector first = pairs(weights, a + step);
      IntVector second = pairs(weights, b + step);
      IntVector third = pairs(weights, c + step);
      IntVector fourth = pairs(weights, d + step);
      a0 = factor.fma(lowBfloats(first), a0);
      a1 = factor.fma(highBfloats(first), a1);
      b0 = factor.fma(lowBfloats(second), b0);
      b1 = factor.fma(highBfloats(second), b1);
      c0 = factor.fma(lowBfloats(third), c0);
      c1 = factor.fma(highBfloats(third), c1);
      d0 = factor.fma(lowBfloats(fourth), d0);
      d1 = factor.fma(highBfloats(fourth), d1);
    }
    a0.intoArray(chains, to);
    a1.intoArray(chains, to + W);
    b0.intoArray(chains, to + 2 * W);
    b1.intoArray(chains, to + 3 * W);
    c0.intoArray(chains, to + 4 * W);
    c1.intoArray(chains, to + 5 * W);
    d0.intoArray(chains, to + 6 * W);
    d1.intoArray(chains, to + 7 * W);
  }

  /** Multiplies four blocks that were widened, {@code stride} elements apart. */
  private static void panel(
      float[] panel, int stride, int depth, float[] x, int at, float[] chains, int to) {
    FloatVector a0 = load(chains, to);
    FloatVector a1 = load(chains, to + W);
    FloatVector b0 = load(chains, to + 2 * W);
    FloatVector b1 = load(chains, to + 3 * W);
    FloatVector c0 = load(chains, to + 4 * W);
    FloatVector c1 = load(chains, to + 5 * W);
    FloatVector d0 = load(chains, to + 6 * W);
    FloatVector d1 = load(chains, to + 7 * W);
    for (int k = 0; k < depth; k++) {
      FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, x[at + k]);
      int a = k * 2 * W;
      int b = a + stride;
      int c = b + stride;
      int d = c + stride;
      a0 = factor.fma(load(panel, a), a0);
      a1 = factor.fma(load(panel, a + W), a1);
      b0 = factor.fma(load(panel, b), b0);
      b1 = factor.fma(load(panel, b + W), b1);
      c0 = factor.fma(load(panel, c), c0);
      c1 = factor.fma(load(panel, c + W), c1);
      d0 = factor.fma(load(panel, d), d0);
      d1 = factor.fma(load(panel, d + W), d1);
    }
    a0.intoArray(chains, to);
    a1.intoArray(chains, to + W);
    b0.intoArray(chains, to + 2 * W);
    b1.intoArray(chains, to + 3 * W);
    c0.intoArray(chains, to + 4 * W);
    c1.intoArray(chains, to + 5 * W);
    d0.intoArray(chains, to + 6 * W);
    d1.intoArray(chains, to + 7 * W);
  }
}
