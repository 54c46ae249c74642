package io.github.wandacuda.backend.cpu.vector;

import static io.github.wandacuda.backend.cpu.vector.Lanes.COUNT;
import static io.github.wandacuda.backend.cpu.vector.Lanes.INTS;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.EQ;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import jdk.incubator.vector.IntVector;

/** What follows from a row's keys and the limit below which they go. */
final class RowMarks {
  /** Replaces the key of an element that goes although it is not below the limit. */
  static final int GOES = -1;

  private static final int SIGN = Integer.SIZE - 1;

  private RowMarks() {}

  /** Marks the {@code count} lowest columns among those whose key is {@code limit}. */
  static void splitTies(Planes planes, int[] keys, int limit, int count) {
    if (count == 0) {
      return;
    }
    int left = count;
    int from = 0;
    for (int step = Integer.highestOneBit(planes.stride()); step >= COUNT; step /= 2) {
      int to = Math.min(from + step, planes.stride());
      int ties = ties(planes, keys, limit, from, to);
      if (ties <= left) {
        left -= ties;
        from = to;
      }
    }
    for (int plane = 0; plane < planes.length(); plane += planes.stride()) {
      KeyCounts.replace(keys, plane, plane + from, limit, GOES);
    }
    markFirst(planes, keys, limit, from * planes.count(), left);
  }

  private static int ties(Planes planes, int[] keys, int limit, int from, int to) {
    int ties = 0;
    for (int plane = 0; plane < planes.length(); plane += planes.stride()) {
      ties += KeyCounts.equal(keys, plane + from, plane + to, limit);
    }
    return ties;
  }

  private static void markFirst(Planes planes, int[] keys, int limit, int column, int count) {
    int left = count;
    for (int c = column; left > 0; c++) {
      int at = planes.at(c);
      if (keys[at] == limit) {
        keys[at] = GOES;
        left--;
      }
    }
  }

  /**
   * Makes the words' elements +0.0 where their keys are below the limit, and writes one bit a
   * column, 1 where its key is not, with zeros past the last column.
   */
  static void clear(Planes planes, int[] keys, int limit, int[] words, long[] kept) {
    if (planes.count() == 1) {
      clearOne(keys, limit, words, kept);
    } else {
      clearTwo(keys, limit, words, kept);
    }
    int tail = planes.columns() % Long.SIZE;
    if (tail != 0) {
      kept[kept.length - 1] &= -1L >>> -tail;
    }
  }

  private static void clearOne(int[] keys, int limit, int[] words, long[] kept) {
    int i = 0;
    for (int k = 0; k < kept.length; k++) {
      long bits = 0;
      for (int shift = 0; shift < Long.SIZE && i < words.length; shift += COUNT, i += COUNT) {
        IntVector goes = IntVector.fromArray(INTS, keys, i).sub(limit).lanewise(ASHR, SIGN);
        IntVector.fromArray(INTS, words, i).and(goes.not()).intoArray(words, i);
        bits |= goes.compare(EQ, 0).toLong() << shift;
      }
      kept[k] = bits;
    }
  }

  private static void clearTwo(int[] keys, int limit, int[] words, long[] kept) {
    int stride = words.length;
    int i = 0;
    for (int k = 0; k < kept.length; k++) {
      long bits = 0;
      for (int shift = 0; shift < Long.SIZE && i < stride; shift += 2 * COUNT, i += COUNT) {
        IntVector even = IntVector.fromArray(INTS, keys, i).sub(limit).lanewise(ASHR, SIGN);
        IntVector odd = IntVector.fromArray(INTS, keys, stride + i).sub(limit).lanewise(ASHR, SIGN);
        IntVector goes = even.lanewise(LSHR, Short.SIZE).or(odd.lanewise(LSHL, Short.SIZE));
        IntVector.fromArray(INTS, words, i).and(goes.not()).intoArray(words, i);
        bits |= goes.reinterpretAsShorts().compare(EQ, (short) 0).toLong() << shift;
      }
      kept[k] = bits;
    }
  }
}
