package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.COUNT;
import static io.github.wandacuda.simd.Lanes.INTS;

import io.github.wandacuda.DType;
import io.github.wandacuda.scalar.RowPruner;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.IntVector;

/**
 * Prunes rows by a rule that tells of each key whether it is pruned: in groups, or by a threshold.
 */
public final class MarkedRowPruner extends RowPruner {
  private static final int FOUR = 4;

  @FunctionalInterface
  private interface Rule {
    /**
     * Writes marks, negative where a key is pruned.
     *
     * @param planes where the keys lie
     * @param keys a row's whole keys; may be overwritten
     * @param marks one for each key, where {@link KeyLayout#highAt} says
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

  /** Prunes what is below a score. */
  public MarkedRowPruner(DType dtype, int columns, float[] norms, int lowestKept) {
    this(
        dtype, columns, norms, (planes, keys, marks) -> markBelow(planes, keys, lowestKept, marks));
  }

  /** Prunes the lowest of each group. */
  public MarkedRowPruner(DType dtype, int columns, float[] norms, LowestPerGroup group) {
    this(dtype, columns, norms, rule(dtype, columns, group));
  }

  private MarkedRowPruner(DType dtype, int columns, float[] norms, Rule rule) {
    this.dtype = dtype;
    planes = KeyLayout.of(dtype, columns);
    scores = new ScoreKeys(dtype, planes, planes.arranged(norms));
    bits = new RowMaskWriter(planes);
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
    zeros = Scores.zeros(dtype, memory, at, planes.columns());
    int keptCount = 0;
    for (long word : kept) {
      keptCount += Long.bitCount(word);
    }
    return planes.columns() - keptCount;
  }

  private static void markBelow(KeyLayout planes, int[] keys, int threshold, short[] marks) {
    boolean alternating = planes.count() == 2;
    int step = alternating ? COUNT : 2 * COUNT;
    int other = alternating ? planes.stride() : COUNT;
    int to = 0;
    for (int i = 0; i < planes.stride(); i += step) {
      IntVector first = IntVector.fromArray(INTS, keys, i).sub(threshold);
      IntVector second = IntVector.fromArray(INTS, keys, i + other).sub(threshold);
      Scores.upperHalves(first, second).reinterpretAsShorts().intoArray(marks, to);
      to += Lanes.SHORT_COUNT;
    }
  }

  /** Returns the fastest rule that serves a group's size. */
  private static Rule rule(DType dtype, int columns, LowestPerGroup group) {
    int size = group.size();
    int pruned = group.pruned();
    KeyLayout places = KeyLayout.of(dtype, columns);
    if (size == FOUR && pruned == FOUR / 2) {
      return dtype != DType.F32
          ? (planes, keys, marks) -> GroupHalfMarks.markFours(keys, planes.stride(), marks)
          : (planes, keys, marks) -> GroupHalfMarks.markFours(keys, marks);
    }
    if (GroupRanks.fits(places, size)) {
      GroupRanks ranks = new GroupRanks(places, size);
      return (planes, keys, marks) -> {
        ranks.rank(keys);
        markBelow(planes, keys, pruned, marks);
      };
    }
    GroupThresholds thresholds = new GroupThresholds(places, pruned, size);
    return (planes, keys, marks) -> {
      thresholds.mark(keys);
      markBelow(planes, keys, 0, marks);
    };
  }

  /** Picks the lowest keys of groups of any size, by sorting each with its keys' places. */
  private static final class GroupThresholds {
    /** Replaces the key of an element that is pruned. */
    static final int PRUNED = -1;

    private final KeyLayout planes;
    private final int pruned;
    private final long[] group;

    GroupThresholds(KeyLayout planes, int pruned, int size) {
      this.planes = planes;
      this.pruned = pruned;
      group = new long[size];
    }

    /** Replaces the keys of elements that are pruned by {@link #PRUNED}. */
    void mark(int[] keys) {
      for (int from = 0; from < planes.columns(); from += group.length) {
        for (int i = 0; i < group.length; i++) {
          int column = from + i;
          group[i] = (long) keys[planes.at(column)] << Integer.SIZE | column;
        }
        Arrays.sort(group);
        for (int i = 0; i < pruned; i++) {
          keys[planes.at((int) group[i])] = PRUNED;
        }
      }
    }
  }
}
