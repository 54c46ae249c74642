package io.github.wandacuda.job.verify;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.StepCount;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.TilePairs;
import io.github.wandacuda.pruning.mask.RowWords;
import io.github.wandacuda.pruning.mask.TileBuffers;
import io.github.wandacuda.pruning.mask.TileSource;
import io.github.wandacuda.system.Workers;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.LongAdder;

/** Counts the zeros of a model's linear modules and looks for N:M patterns in them. */
public final class Inspector {
  private static final List<Sparsity.GroupPattern> PATTERNS =
      List.of(new Sparsity.GroupPattern(2, 4), new Sparsity.GroupPattern(4, 8));

  private Inspector() {}

  /**
   * What was found in a module.
   *
   * @param module the module
   * @param zeros number of weights that are zero; 0 if the format can't be read
   * @param patterns which of 2:4 and 4:8 hold in every group of every row
   */
  public record Inspection(LinearModule module, long zeros, List<String> patterns) {
    /** Returns the share of weights that are zero, from 0 to 1. */
    public double sparsity() {
      return module.elements() == 0 ? 0 : (double) zeros / module.elements();
    }
  }

  /**
   * Counts zeros in modules.
   *
   * @param threads CPU threads to use, 1 or more
   * @param progress is told of the bytes that were read
   * @return one for each module, in their order
   */
  public static List<Inspection> inspect(
      List<LinearModule> modules, int threads, Progress progress) {
    List<Inspection> inspections = new ArrayList<>();
    long all = modules.stream().mapToLong(module -> module.tensor().bytes()).sum();
    StepCount steps = StepCount.ofBytes("module", modules.size(), all, progress);
    try (Workers workers = new Workers(threads);
        TileBuffers buffers = TileBuffers.inCache(threads)) {
      for (LinearModule module : modules) {
        inspections.add(
            module.isRead()
                ? inspect(module, workers, buffers)
                : new Inspection(module, 0, List.of()));
        steps.done(module.tensor().bytes());
      }
    }
    return inspections;
  }

  private static Inspection inspect(LinearModule module, Workers workers, TileBuffers buffers) {
    LongAdder zeros = new LongAdder();
    AtomicIntegerArray broken = new AtomicIntegerArray(PATTERNS.size());
    TileSource source = TilePairs.tiles(module, module.shard(), buffers);
    workers.run(
        source.tiles().count(),
        (worker, tile) -> zeros.add(inspect(source.read(worker, tile), broken)));
    List<String> patterns = new ArrayList<>();
    for (int index = 0; index < PATTERNS.size(); index++) {
      if (broken.get(index) == 0 && module.elements() > 0) {
        patterns.add(PATTERNS.get(index).toString());
      }
    }
    return new Inspection(module, zeros.sum(), patterns);
  }

  /** Counts the zeros of some rows, and marks the patterns that don't hold in them. */
  private static long inspect(WeightMatrix rows, AtomicIntegerArray broken) {
    RowWords row = new RowWords(rows.dtype(), rows.columns());
    long zeros = 0;
    for (int index = 0; index < rows.rows(); index++) {
      int start = row.read(rows, index);
      zeros += row.count(start);
      for (int pattern = 0; pattern < PATTERNS.size(); pattern++) {
        if (broken.get(pattern) == 0 && !row.holds(start, PATTERNS.get(pattern))) {
          broken.set(pattern, 1);
        }
      }
    }
    return zeros;
  }
}
