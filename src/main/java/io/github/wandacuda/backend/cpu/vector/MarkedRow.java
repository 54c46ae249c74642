package io.github.wandacuda.backend.cpu.vector;

import io.github.wandacuda.backend.cpu.RowPruner;
import io.github.wandacuda.tensor.DType;
import java.lang.foreign.MemorySegment;

/** Prunes rows by a rule that tells of each key whether it goes: in groups, or by a threshold. */
final class MarkedRow implements RowPruner {
  /** Tells which keys go. */
  @FunctionalInterface
  interface Rule {
    /**
     * Writes marks, negative where a key goes.
     *
     * @param planes where the keys lie
     * @param keys a row's whole keys; may be overwritten
     * @param marks one for each key, where {@link Places} says
     */
    void mark(Planes planes, int[] keys, short[] marks);
  }

  private final DType dtype;
  private final Planes planes;
  private final ScoreKeys scores;
  private final Rule rule;
  private final NextRow next;
  private final KeptBits bits;
  private final int[] keys;
  private final short[] marks;
  private int zeros;

  MarkedRow(DType dtype, int columns, float[] norms, Rule rule) {
    this.dtype = dtype;
    this.rule = rule;
    planes = Planes.of(dtype, columns);
    scores = new ScoreKeys(dtype, planes, planes.arranged(norms));
    next = new NextRow((long) columns * dtype.bytes());
    bits = new KeptBits(new Places(dtype, columns), next);
    keys = new int[planes.length() + Lanes.COUNT];
    marks = new short[planes.length()];
  }

  @Override
  public int prune(MemorySegment memory, long at, long[] kept) {
    if (!scores.compute(memory, at, keys)) {
      return NON_FINITE;
    }
    next.follow(memory, at);
    rule.mark(planes, keys, marks);
    bits.clear(marks, 0, false, memory, at, kept);
    zeros = ZeroCounts.count(dtype, memory, at, planes.columns());
    int stay = 0;
    for (long word : kept) {
      stay += Long.bitCount(word);
    }
    return planes.columns() - stay;
  }

  @Override
  public int zeros() {
    return zeros;
  }
}
