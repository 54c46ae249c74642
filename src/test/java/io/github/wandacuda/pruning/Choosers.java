package io.github.wandacuda.pruning;

import io.github.wandacuda.Mask;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.cpu.CpuSelector;
import io.github.wandacuda.pruning.mask.TileBuffers;
import io.github.wandacuda.scalar.ScalarSelect;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.system.WorkerPool;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.MemorySegment;

/** Masks of small matrices as tests write them: a 1 for each weight that is pruned. */
public final class Choosers {
  public static final Sparsity HALF = new Sparsity.Ratio(0.5);
  public static final Selector SCALAR = new CpuSelector(new ScalarSelect());

  private Choosers() {}

  /** Chooses a mask. */
  public interface Chooser {
    public void choose(WeightMatrix weights, float[] norms, Sparsity sparsity, MemorySegment mask);
  }

  /** Makes a chooser of threads and buffers for the length of a call. */
  public interface Maker {
    Chooser make(WorkerPool workers, TileBuffers buffers);
  }

  /** Returns the mask that is chosen with so many threads. */
  public static Mask choose(
      Maker maker, int threads, WeightMatrix weights, float[] norms, Sparsity sparsity) {
    Mask mask = Mask.allocate(weights.rows(), weights.columns());
    try (Workers workers = new Workers(threads);
        TileBuffers buffers = TileBuffers.inCache(threads)) {
      maker.make(workers, buffers).choose(weights, norms, sparsity, mask.bits());
    }
    return mask;
  }

  /** Returns the pruned weights, a row a word. */
  public static String pruned(Mask mask) {
    StringBuilder text = new StringBuilder();
    for (int row = 0; row < mask.rows(); row++) {
      text.append(row == 0 ? "" : " ");
      for (int column = 0; column < mask.columns(); column++) {
        text.append(mask.isKept(row, column) ? '0' : '1');
      }
    }
    return text.toString();
  }
}
