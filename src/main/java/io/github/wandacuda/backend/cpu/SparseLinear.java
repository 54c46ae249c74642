package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Linear layers whose weights are packed. */
final class SparseLinear {
  /** Tasks for each worker, so that all workers end at about the same time. */
  private static final int TASKS_PER_WORKER = 4;

  /** Rows of weights of a task at least, for which it rearranges the activations once. */
  private static final int FEWEST_ROWS = 64;

  /** Rows that are unpacked at a time. */
  private static final int UNPACKED_ROWS = 32;

  private static final long ALIGNMENT = 64;

  private SparseLinear() {}

  /**
   * Multiplies a few rows of activations by the packed weight. More are multiplied by the dense
   * weight, which is made for the time of the call, as {@link CpuForwardKernels#linear} says.
   */
  static void linear(
      CpuTensor x,
      SparseMatrix w,
      CpuTensor bias,
      CpuTensor out,
      CpuForwardKernels kernels,
      WorkerPool workers) {
    if (x.rows() > SparseMatrix.MOST_ROWS) {
      try (Arena arena = Arena.ofShared()) {
        long bytes = (long) w.rows() * w.columns() * w.dtype().bytes();
        MemorySegment memory = arena.allocate(bytes, ALIGNMENT);
        WeightMatrix dense = WeightMatrix.of(memory, w.dtype(), w.rows(), w.columns());
        workers.runRanges(
            w.rows(),
            UNPACKED_ROWS,
            (worker, from, to) -> w.unpack(from, dense.rows(from, to - from)));
        kernels.linear(x, dense, bias, out, workers);
      }
      return;
    }
    int share = Math.ceilDiv(w.rows(), workers.count() * TASKS_PER_WORKER);
    workers.runRanges(
        w.rows(),
        Math.max(FEWEST_ROWS, share),
        (worker, from, to) -> {
          w.multiply(x.data(), x.at(0), x.rows(), out.data(), out.at(0), from, to);
          if (bias != null) {
            add(bias, out, from, to);
          }
        });
  }

  private static void add(CpuTensor bias, CpuTensor out, int from, int to) {
    for (int t = 0; t < out.rows(); t++) {
      for (int o = from; o < to; o++) {
        out.data()[out.at(t) + o] += bias.data()[bias.at(0) + o];
      }
    }
  }
}
