package io.github.wandacuda.forward.simd;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.reference.CpuForwardKernels;
import io.github.wandacuda.forward.reference.CpuTensor;
import io.github.wandacuda.simd.Lanes;
import io.github.wandacuda.system.WorkerPool;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * Linear layers of one to a few rows of activations, as when a text is generated token by token.
 * {@link VectorLinear} would pack weights for many rows, and multiply rows that aren't there; here
 * a {@link FeaturePanel} is read once from memory and multiplied with each row while it is in the
 * first-level cache. Sums are added in the same order, vectors run across features.
 */
final class VectorFewRows {
  /** The most rows for which this takes less time than a blocked product. */
  static final int MOST_ROWS = 8;

  private static final int RUN = CpuForwardKernels.RUN;
  private static final int FEATURES = FeaturePanel.FEATURES;

  private final WorkerLocal<Scratch> scratches = new WorkerLocal<>(Scratch::new);

  private static final class Scratch {
    final FeaturePanel panel = new FeaturePanel();
    final float[] chains = new float[MOST_ROWS * FEATURES];
    final float[] sums = new float[MOST_ROWS * FEATURES];
  }

  /** See {@link CpuForwardKernels#linear}; x has at most {@link #MOST_ROWS} rows. */
  void linear(CpuTensor x, WeightMatrix w, CpuTensor bias, CpuTensor out, WorkerPool workers) {
    scratches.prepare(workers);
    workers.runRanges(
        w.rows(),
        FEATURES,
        (worker, from, to) -> {
          Scratch scratch = scratches.of(worker);
          multiply(x, w, from, to - from, scratch);
          write(scratch.sums, bias, out, from, to - from);
        });
  }

  private static void multiply(CpuTensor x, WeightMatrix w, int feature, int count, Scratch s) {
    Arrays.fill(s.sums, -0f);
    for (int run = 0; run < Math.max(1, w.columns()); run += RUN) {
      Arrays.fill(s.chains, 0f);
      int end = Math.min(w.columns(), run + RUN);
      for (int column = run; column < end; column += FeaturePanel.COLUMNS) {
        int depth = Math.min(FeaturePanel.COLUMNS, end - column);
        s.panel.pack(w, feature, count, column, depth);
        for (int row = 0; row < x.rows(); row++) {
          extend(s.panel.data(), depth, x.data(), x.at(row) + column, s.chains, row * FEATURES);
        }
      }
      add(s.sums, s.chains, x.rows() * FEATURES);
    }
  }

  /** Adds the products of a panel and one row of activations to that row's chains. */
  private static void extend(float[] panel, int depth, float[] x, int at, float[] chains, int to) {
    FloatVector c0 = load(chains, to);
    FloatVector c1 = load(chains, to + Lanes.COUNT);
    FloatVector c2 = load(chains, to + 2 * Lanes.COUNT);
    FloatVector c3 = load(chains, to + 3 * Lanes.COUNT);
    for (int k = 0; k < depth; k++) {
      FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, x[at + k]);
      int from = k * FEATURES;
      c0 = factor.fma(load(panel, from), c0);
      c1 = factor.fma(load(panel, from + Lanes.COUNT), c1);
      c2 = factor.fma(load(panel, from + 2 * Lanes.COUNT), c2);
      c3 = factor.fma(load(panel, from + 3 * Lanes.COUNT), c3);
    }
    c0.intoArray(chains, to);
    c1.intoArray(chains, to + Lanes.COUNT);
    c2.intoArray(chains, to + 2 * Lanes.COUNT);
    c3.intoArray(chains, to + 3 * Lanes.COUNT);
  }

  /** Adds a run's chains; sums begin at -0, which changes no chain, not even a zero's sign. */
  private static void add(float[] sums, float[] chains, int count) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      load(sums, i).add(load(chains, i)).intoArray(sums, i);
    }
  }

  private static void write(float[] sums, CpuTensor bias, CpuTensor out, int feature, int count) {
    for (int row = 0; row < out.rows(); row++) {
      int from = row * FEATURES;
      int to = out.at(row) + feature;
      for (int i = 0; i < count; i++) {
        float sum = sums[from + i];
        out.data()[to + i] = bias == null ? sum : sum + bias.data()[bias.at(0) + feature + i];
      }
    }
  }

  private static FloatVector load(float[] data, int at) {
    return FloatVector.fromArray(Lanes.FLOATS, data, at);
  }
}
