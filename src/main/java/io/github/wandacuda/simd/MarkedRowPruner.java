package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.COUNT;
import static io.github.wandacuda.simd.Lanes.INTS;

import io.github.wandacuda.DType;
import io.github.wandacuda.scalar.RowPruner;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.IntVector;

/** Prunes rows by a rule that decides about each key: in groups, or by a threshold. */
public final class MarkedRowPruner extends RowPruner {
  private static final int FOUR = 4;
  private static final IntVector NEXT_OF_2 = rotation(2, 1);
  private static final IntVector NEXT_OF_4 = rotation(4, 1);
  private static final IntVector SECOND_OF_4 = rotation(4, 2);
  private static final IntVector THIRD_OF_4 = rotation(4, 3);
  private static final IntVector AFTER_NEXT_OF_2 = after(NEXT_OF_2);
  private static final IntVector AFTER_NEXT_OF_4 = after(NEXT_OF_4);
  private static final IntVector AFTER_SECOND_OF_4 = after(SECOND_OF_4);
  private static final IntVector AFTER_THIRD_OF_4 = after(THIRD_OF_4);

  /** Decides which keys are pruned. */
  @FunctionalInterface
  private interface Rule {
    /**
     * Writes a mark for each key, negative if the key is pruned.
     *
     * @param planes where the keys lie
     * @param keys a row's whole keys; may be overwritten
     * @param marks one for each key, at {@link KeyLayout#highAt}
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

  /**
   * Prunes the elements whose scores are below one.
   *
   * @param lowestKept the lowest score that is kept, as bits
   */
  public MarkedRowPruner(DType dtype, int columns, float[] norms, int lowestKept) {
    this(
        dtype, columns, norms, (planes, keys, marks) -> markBelow(planes, keys, lowestKept, marks));
  }

  /**
   * Prunes the lowest scores of each group.
   *
   * @param norms a norm for each column
   * @param group any size and count that divide the columns
   */
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

  /** Returns the fastest rule for a group's size. */
  private static Rule rule(DType dtype, int columns, LowestPerGroup group) {
    int size = group.size();
    int pruned = group.pruned();
    KeyLayout places = KeyLayout.of(dtype, columns);
    if (size == FOUR && pruned == FOUR / 2) {
      return dtype != DType.F32
          ? (planes, keys, marks) -> markFours(keys, planes.stride(), marks)
          : (planes, keys, marks) -> markFours(keys, marks);
    }
    if (GroupRanks.fits(places, size)) {
      GroupRanks ranks = new GroupRanks(places, size);
      return (planes, keys, marks) -> {
        ranks.rank(keys);
        markBelow(planes, keys, pruned, marks);
      };
    }
    GroupThresholds thresholds = new GroupThresholds(places, pruned, new long[size]);
    return (planes, keys, marks) -> {
      thresholds.mark(keys);
      markBelow(planes, keys, 0, marks);
    };
  }

  /**
   * Returns the lane numbers of a shuffle that rotates groups of lanes.
   *
   * @param lanes of a group
   * @param by how far each lane is moved
   */
  private static IntVector rotation(int lanes, int by) {
    int[] from = new int[COUNT];
    Arrays.setAll(from, lane -> lane / lanes * lanes + (lane + by) % lanes);
    return IntVector.fromArray(INTS, from, 0);
  }

  /**
   * Returns 1 in each lane that is to the right of the lane that a rotation brings to it: its key
   * comes after an equal one there.
   */
  private static IntVector after(IntVector rotation) {
    int[] ones = new int[COUNT];
    for (int lane = 0; lane < COUNT; lane++) {
      ones[lane] = rotation.lane(lane) < lane ? 1 : 0;
    }
    return IntVector.fromArray(INTS, ones, 0);
  }

  /**
   * Marks the lower half of groups of four in one plane. A key is kept if two of the three others
   * come before it. A comparison's outcome is the sign of a difference, so the votes are counted by
   * the bits of whole words: two of three is a majority.
   */
  private static void markFours(int[] keys, short[] marks) {
    for (int i = 0; i < marks.length; i += 2 * COUNT) {
      IntVector first = goesOfFour(IntVector.fromArray(INTS, keys, i));
      IntVector second = goesOfFour(IntVector.fromArray(INTS, keys, i + COUNT));
      Scores.upperHalves(first, second).reinterpretAsShorts().intoArray(marks, i);
    }
  }

  private static IntVector goesOfFour(IntVector key) {
    IntVector a = NEXT_OF_4.selectFrom(key).sub(key.add(AFTER_NEXT_OF_4));
    IntVector b = SECOND_OF_4.selectFrom(key).sub(key.add(AFTER_SECOND_OF_4));
    IntVector c = THIRD_OF_4.selectFrom(key).sub(key.add(AFTER_THIRD_OF_4));
    return majority(a, b, c).not();
  }

  /**
   * Marks the lower half of groups of four whose columns alternate between two planes: the even
   * ones are the first {@code stride} keys, the odd ones follow.
   */
  private static void markFours(int[] keys, int stride, short[] marks) {
    for (int i = 0; i < stride; i += COUNT) {
      IntVector even = IntVector.fromArray(INTS, keys, i);
      IntVector odd = IntVector.fromArray(INTS, keys, stride + i);
      IntVector evens = NEXT_OF_2.selectFrom(even);
      IntVector odds = NEXT_OF_2.selectFrom(odd);
      IntVector evenEnd = even.add(AFTER_NEXT_OF_2);
      IntVector oddEnd = odd.add(AFTER_NEXT_OF_2);
      IntVector oddFirst = odd.sub(even);
      IntVector evenStays = majority(oddFirst, evens.sub(evenEnd), odds.sub(evenEnd));
      IntVector oddStays = majority(oddFirst.not(), evens.sub(oddEnd), odds.sub(oddEnd));
      Scores.upperHalves(evenStays.not(), oddStays.not())
          .reinterpretAsShorts()
          .intoArray(marks, 2 * i);
    }
  }

  private static IntVector majority(IntVector a, IntVector b, IntVector c) {
    return a.and(b).or(c.and(a.or(b)));
  }

  /**
   * Picks the lowest keys of groups of any size, by sorting the keys together with their places.
   */
  @SuppressWarnings("ArrayRecordComponent")
  private record GroupThresholds(KeyLayout planes, int pruned, long[] group) {
    /** The key of an element that is pruned. */
    static final int PRUNED = -1;

    /** Replaces the keys of pruned elements by {@link #PRUNED}. */
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
