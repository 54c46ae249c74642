package io.github.wandacuda.backend.cpu.vector;

import static io.github.wandacuda.backend.cpu.vector.Lanes.COUNT;
import static io.github.wandacuda.backend.cpu.vector.Lanes.INTS;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.GE;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;

/** What follows from a row's keys and the limit below which they go. */
final class RowMarks {
  /** Replaces the key of an element that goes although it is not below the limit. */
  static final int GOES = -1;

  private static final int SIGN = Integer.SIZE - 1;
  private static final long EVEN_BITS = 0x5555_5555_5555_5555L;

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

  /** Makes the words' elements +0.0 where their keys are below the limit. */
  static void clear(Planes planes, int[] keys, int limit, int[] words) {
    if (planes.count() == 1) {
      clearOne(keys, limit, words);
    } else {
      clearTwo(keys, planes.stride(), limit, words);
    }
  }

  private static void clearOne(int[] keys, int limit, int[] words) {
    for (int i = 0; i < words.length; i += COUNT) {
      IntVector goes = IntVector.fromArray(INTS, keys, i).sub(limit).lanewise(ASHR, SIGN);
      IntVector.fromArray(INTS, words, i).and(goes.not()).intoArray(words, i);
    }
  }

  private static void clearTwo(int[] keys, int stride, int limit, int[] words) {
    for (int i = 0; i < words.length; i += COUNT) {
      IntVector even = IntVector.fromArray(INTS, keys, i).sub(limit).lanewise(ASHR, SIGN);
      IntVector odd = IntVector.fromArray(INTS, keys, stride + i).sub(limit).lanewise(ASHR, SIGN);
      IntVector goes = even.lanewise(LSHR, Short.SIZE).or(odd.lanewise(LSHL, Short.SIZE));
      IntVector.fromArray(INTS, words, i).and(goes.not()).intoArray(words, i);
    }
  }

  /**
   * Writes one bit a column, 1 where its key is not below the limit, and zeros past the last
   * column.
   */
  static void writeKept(Planes planes, int[] keys, int limit, long[] kept) {
    if (planes.count() == 1) {
      for (int i = 0; i < kept.length; i++) {
        kept[i] = keptBits(keys, i * Long.SIZE, planes.stride(), limit);
      }
    } else {
      writeKeptOfTwo(planes.stride(), keys, limit, kept);
    }
    int tail = planes.columns() % Long.SIZE;
    if (tail != 0) {
      kept[kept.length - 1] &= -1L >>> -tail;
    }
  }

  private static void writeKeptOfTwo(int stride, int[] keys, int limit, long[] kept) {
    for (int i = 0; i < kept.length; i += 2) {
      int from = i * Integer.SIZE;
      long even = keptBits(keys, from, stride, limit);
      long odd = keptBits(keys, stride + from, 2 * stride, limit);
      kept[i] = interleaved(even, odd);
      if (i + 1 < kept.length) {
        kept[i + 1] = interleaved(even >>> Integer.SIZE, odd >>> Integer.SIZE);
      }
    }
  }

  private static long interleaved(long even, long odd) {
    return Long.expand(even, EVEN_BITS) | Long.expand(odd, EVEN_BITS << 1);
  }

  /** Returns the bits of up to 64 keys before {@code end}. */
  private static long keptBits(int[] keys, int from, int end, int limit) {
    long bits = 0;
    int to = Math.min(from + Long.SIZE, end);
    for (int i = from; i < to; i += COUNT) {
      VectorMask<Integer> stays = IntVector.fromArray(INTS, keys, i).compare(GE, limit);
      bits |= stays.toLong() << (i - from);
    }
    return bits;
  }
}
