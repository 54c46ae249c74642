package io.github.wandacuda.simd;

import io.github.wandacuda.DType;
import io.github.wandacuda.scalar.RowPruner;
import java.lang.foreign.MemorySegment;

/**
 * Prunes rows by a rule that tells of each key whether it is pruned: in groups, or by a threshold.
 */
public final class MarkedRowPruner implements RowPruner {
  /** Tells which keys go. */
  @FunctionalInterface
  public interface Rule {
    /**
     * Writes marks, negative where a key is pruned.
     *
     * @param planes where the keys lie
     * @param keys a row's whole keys; may be overwritten
     * @param marks one for each key, where {@link HighKeyLayout} says
     */
    void mark(KeyLayout planes, int[] keys, short[] marks);
  }

  private final DType dtype;
  private final KeyLayout planes;
  private final ScoreKeys scores;
  private final RowMaskWriter bits;
  private final int[] keys;
  private final short[] marks;
  private final RowPass[] score;
  private final RowPass[] clear;
  private int zeros;

  public MarkedRowPruner(DType dtype, int columns, float[] norms, Rule rule) {
    this.dtype = dtype;
    planes = KeyLayout.of(dtype, columns);
    scores = new ScoreKeys(dtype, planes, planes.arranged(norms));
    bits = new RowMaskWriter(new HighKeyLayout(dtype, columns));
    keys = new int[planes.length() + Lanes.COUNT];
    marks = new short[planes.length()];
    score = new RowPass[] {(memory, at, kept) -> scores.compute(memory, at, keys)};
    clear =
        new RowPass[] {
          (memory, at, kept) -> rule.mark(planes, keys, marks),
          (memory, at, kept) -> bits.clear(marks, 0, false, memory, at, kept)
        };
  }

  @Override
  public int prune(MemorySegment memory, long at, long[] kept) {
    RowPass.runAll(score, memory, at, kept);
    if (!scores.areFinite()) {
      return NON_FINITE;
    }
    RowPass.runAll(clear, memory, at, kept);
    zeros = ZeroCounts.count(dtype, memory, at, planes.columns());
    int keptCount = 0;
    for (long word : kept) {
      keptCount += Long.bitCount(word);
    }
    return planes.columns() - keptCount;
  }

  @Override
  public int zeros() {
    return zeros;
  }
}
