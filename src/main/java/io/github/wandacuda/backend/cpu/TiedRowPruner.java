package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.cpu.LowestByThresholds.Outcome;
import io.github.wandacuda.scalar.CpuSelectKernels;
import io.github.wandacuda.simd.RowMaskWriter;
import io.github.wandacuda.simd.RowPass;
import io.github.wandacuda.simd.Scores;
import io.github.wandacuda.simd.ThresholdPasses;
import io.github.wandacuda.simd.TiedKeys;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Prunes rows whose threshold is a score that very many elements have, as in rows of few different
 * values or of many zeros, and which rows before had too: all below it is pruned, and of those that
 * have it the lowest columns.
 */
final class TiedRowPruner {
  private static final int MOST = 4;

  /** A score, and the {@link ColumnThresholds} of it and of the next higher number. */
  private record Tie(int score, short[] lower, short[] upper) {}

  private final ColumnThresholds thresholds;
  private final ThresholdPasses passes;
  private final RowPass[] apply;
  private final int columns;
  private final int wanted;
  private final List<Tie> highestFirst = new ArrayList<>();
  private int threshold;

  TiedRowPruner(
      ColumnThresholds thresholds,
      ThresholdPasses passes,
      RowMaskWriter bits,
      int columns,
      int wanted) {
    this.thresholds = thresholds;
    this.passes = passes;
    this.columns = columns;
    this.wanted = wanted;
    apply = new RowPass[] {(memory, at, kept) -> bits.apply(kept, memory, at)};
  }

  /** Learns a score that was a row's threshold; with too many of them, all before are forgotten. */
  void learn(int score) {
    boolean known = highestFirst.stream().anyMatch(tie -> tie.score == score);
    if (known || score >= Scores.INFINITY) {
      return;
    }
    if (highestFirst.size() == MOST) {
      highestFirst.clear();
    }
    short[] lower = new short[CpuSelectKernels.padded(columns)];
    short[] upper = new short[lower.length];
    thresholds.write(lower, score);
    thresholds.write(upper, score + 1);
    highestFirst.add(new Tie(score, lower, upper));
    highestFirst.sort(Comparator.comparingInt(Tie::score).reversed());
  }

  Outcome prune(MemorySegment memory, long at, long[] kept) {
    for (Tie tie : highestFirst) {
      int below = passes.below(memory, at, kept, tie.lower);
      if (below == ThresholdPasses.NON_FINITE) {
        return Outcome.NON_FINITE;
      }
      if (below <= wanted) {
        int tied = passes.clear(memory, at, kept, tie.lower, tie.upper);
        if (below + tied < wanted) {
          return Outcome.LEFT;
        }
        threshold = tie.score;
        takeLowest(wanted - below, memory, at, kept);
        return Outcome.PRUNED;
      }
    }
    return Outcome.LEFT;
  }

  /** Returns the threshold of the row pruned last. */
  int threshold() {
    return threshold;
  }

  private void takeLowest(int count, MemorySegment memory, long at, long[] kept) {
    long[] inside = passes.inside();
    int left = count;
    for (int word = 0; word < kept.length; word++) {
      long pruned = TiedKeys.lowest(inside[word], left);
      left -= Long.bitCount(pruned);
      kept[word] &= ~pruned;
    }
    RowPass.runAll(apply, memory, at, kept);
  }
}
