package io.github.wandacuda.backend.cpu.vector;

import static io.github.wandacuda.backend.cpu.vector.Lanes.COUNT;
import static io.github.wandacuda.backend.cpu.vector.Lanes.INTS;
import static io.github.wandacuda.backend.cpu.vector.Lanes.SHORTS;
import static io.github.wandacuda.backend.cpu.vector.Lanes.SHORT_COUNT;
import static jdk.incubator.vector.VectorOperators.EQ;
import static jdk.incubator.vector.VectorOperators.GT;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;

/**
 * Finds the highest key of the lower half of each group of four or eight {@link PairedKeys}, by
 * networks of minima and maxima (Knuth, The Art of Computer Programming 3, section 5.3.4).
 *
 * <p>Those need the keys of a group in the same lane of as many vectors. A group's even columns are
 * s neighbouring words, two of four or four of eight. Of s vectors the k-th diagonal is taken: lane
 * p from vector p + k, both modulo s. Moved k lanes on, its lane p holds a word of vector p, and
 * the s diagonals hold all of them. Which is which doesn't matter to a network. So a limit's lane p
 * belongs to vector p.
 */
final class HalfLimits {
  private static final int FOUR = 4;
  private static final long EVEN_BITS = 0x5555_5555_5555_5555L;
  private static final VectorMask<Integer> ODD_LANES = VectorMask.fromLong(INTS, 0xaaaa);
  private static final VectorMask<Integer> UPPER_PAIRS = VectorMask.fromLong(INTS, 0xcccc);

  private final PairedKeys keys;
  private final NextRow next;
  private final int size;
  private final int vectors;
  private final int shift;
  private final short[] sorted;
  private final short[] limits;
  private final long[] ties;
  private final long[] above;

  /** For k from 0, which lane comes to each lane when lanes are moved k on in their group. */
  private final int[] moves;

  /** For p from 0, lane p of each group in all of its lanes. */
  private final int[] spreads;

  /**
   * Prepares rows.
   *
   * @param keys of rows whose planes are multiples of half as many vectors as a group has columns
   * @param size columns of a group, 4 or 8
   * @param next its first half is loaded by the way
   */
  HalfLimits(PairedKeys keys, int size, NextRow next) {
    this.keys = keys;
    this.next = next;
    this.size = size;
    vectors = size / 2;
    shift = Integer.numberOfTrailingZeros(vectors);
    sorted = new short[size > FOUR ? 2 * keys.words().length : 0];
    limits = new short[2 * keys.stride() / vectors];
    above = new long[Math.ceilDiv(4 * keys.stride(), Long.SIZE)];
    ties = new long[limits.length / SHORT_COUNT];
    moves = new int[vectors * COUNT];
    spreads = new int[vectors * COUNT];
    Arrays.setAll(moves, i -> place(i, i % COUNT - i / COUNT));
    Arrays.setAll(spreads, i -> place(i, i / COUNT));
  }

  /** Returns the lane of the same group whose number in it is {@code inGroup}, modulo its size. */
  private int place(int index, int inGroup) {
    int lane = index % COUNT;
    return lane - lane % vectors + Math.floorMod(inGroup, vectors);
  }

  /** Returns the passes that find the limits of the keys as they are then, and what is above. */
  List<RowPass> passes() {
    return size == FOUR
        ? List.of((memory, at) -> ofFour(), (memory, at) -> keep())
        : List.of((memory, at) -> sortFours(), (memory, at) -> ofEight(), (memory, at) -> keep());
  }

  /** Returns which columns have keys above their group's limit, one bit each. */
  long[] above() {
    return above;
  }

  /**
   * Returns for each vector of limits which of its lanes are equal to the lowest key of the upper
   * half too, one bit each.
   */
  long[] ties() {
    return ties;
  }

  /** Returns the first column of the group of a vector's lane. */
  int column(int vector, int lane) {
    int word = lane / 2;
    int pair = vector * vectors + word % vectors;
    int rowVector = 2 * pair + lane % 2;
    return 2 * (rowVector * COUNT + word / vectors * vectors);
  }

  private void ofFour() {
    int[] words = keys.words();
    int odd = keys.stride();
    for (int i = 0; i < odd; i += 2 * COUNT) {
      ShortVector a = diagonal(words, i, i + COUNT);
      ShortVector b = moved(diagonal(words, i + COUNT, i), 1);
      ShortVector c = diagonal(words, odd + i, odd + i + COUNT);
      ShortVector d = moved(diagonal(words, odd + i + COUNT, odd + i), 1);
      ShortVector x = a.min(b).max(c.min(d));
      ShortVector y = a.max(b).min(c.max(d));
      put(x.min(y), x.max(y), i / (2 * COUNT));
    }
  }

  private static ShortVector diagonal(int[] words, int even, int odd) {
    return IntVector.fromArray(INTS, words, even)
        .blend(IntVector.fromArray(INTS, words, odd), ODD_LANES)
        .reinterpretAsShorts();
  }

  private ShortVector moved(ShortVector diagonal, int lanes) {
    return IntVector.fromArray(INTS, moves, lanes * COUNT)
        .selectFrom(diagonal.reinterpretAsInts())
        .reinterpretAsShorts();
  }

  private void put(ShortVector lower, ShortVector upper, int vector) {
    lower.intoArray(limits, vector * SHORT_COUNT);
    ties[vector] = lower.compare(EQ, upper).toLong();
  }

  /** Sorts the four keys of each plane. */
  private void sortFours() {
    int[] words = keys.words();
    for (int i = 0; i < words.length; i += 4 * COUNT) {
      IntVector v0 = IntVector.fromArray(INTS, words, i);
      IntVector v1 = IntVector.fromArray(INTS, words, i + COUNT);
      IntVector v2 = IntVector.fromArray(INTS, words, i + 2 * COUNT);
      IntVector v3 = IntVector.fromArray(INTS, words, i + 3 * COUNT);
      IntVector v01 = v0.blend(v1, ODD_LANES);
      IntVector v12 = v1.blend(v2, ODD_LANES);
      IntVector v23 = v2.blend(v3, ODD_LANES);
      IntVector v30 = v3.blend(v0, ODD_LANES);
      ShortVector a = v01.blend(v23, UPPER_PAIRS).reinterpretAsShorts();
      ShortVector b = moved(v12.blend(v30, UPPER_PAIRS).reinterpretAsShorts(), 1);
      ShortVector c = moved(v23.blend(v01, UPPER_PAIRS).reinterpretAsShorts(), 2);
      ShortVector d = moved(v30.blend(v12, UPPER_PAIRS).reinterpretAsShorts(), 3);
      ShortVector low = a.min(b);
      ShortVector high = a.max(b);
      ShortVector otherLow = c.min(d);
      ShortVector otherHigh = c.max(d);
      ShortVector x = low.max(otherLow);
      ShortVector y = high.min(otherHigh);
      low.min(otherLow).intoArray(sorted, 2 * i);
      x.min(y).intoArray(sorted, 2 * i + SHORT_COUNT);
      x.max(y).intoArray(sorted, 2 * i + 2 * SHORT_COUNT);
      high.max(otherHigh).intoArray(sorted, 2 * i + 3 * SHORT_COUNT);
    }
  }

  /**
   * Of two sorted fours, the i-th lowest of one and the i-th highest of the other are compared: the
   * four minima are the lower half, the four maxima the upper one.
   */
  private void ofEight() {
    int odd = sorted.length / 2;
    for (int i = 0; i < odd; i += 4 * SHORT_COUNT) {
      ShortVector a = sorted(i);
      ShortVector z = sorted(odd + i + 3 * SHORT_COUNT);
      ShortVector b = sorted(i + SHORT_COUNT);
      ShortVector y = sorted(odd + i + 2 * SHORT_COUNT);
      ShortVector c = sorted(i + 2 * SHORT_COUNT);
      ShortVector x = sorted(odd + i + SHORT_COUNT);
      ShortVector d = sorted(i + 3 * SHORT_COUNT);
      ShortVector w = sorted(odd + i);
      ShortVector lower = a.min(z).max(b.min(y)).max(c.min(x).max(d.min(w)));
      ShortVector upper = a.max(z).min(b.max(y)).min(c.max(x).min(d.max(w)));
      put(lower, upper, i / (4 * SHORT_COUNT));
    }
  }

  private ShortVector sorted(int at) {
    return ShortVector.fromArray(SHORTS, sorted, at);
  }

  private void keep() {
    int[] words = keys.words();
    int stride = keys.stride();
    MemorySegment ahead = next.memory();
    long first = next.first();
    long mask = next.mask();
    long touched = 0;
    Arrays.fill(above, 0);
    for (int i = 0; i < stride; i += COUNT) {
      touched |= NextRow.touch(ahead, first + ((long) Integer.BYTES * i & mask));
      int pair = i / COUNT;
      ShortVector limit =
          IntVector.fromArray(INTS, spreads, (pair & vectors - 1) * COUNT)
              .selectFrom(limits(pair >>> shift))
              .reinterpretAsShorts();
      long even = above(words, i, limit);
      long odd = above(words, stride + i, limit);
      long low = even & EVEN_BITS | (odd & EVEN_BITS) << 1;
      long high = even >>> 1 & EVEN_BITS | odd & ~EVEN_BITS;
      int column = 4 * i;
      above[column / Long.SIZE] |= (low | high << SHORT_COUNT) << column;
    }
    next.keep(touched);
  }

  private IntVector limits(int vector) {
    return ShortVector.fromArray(SHORTS, limits, vector * SHORT_COUNT).reinterpretAsInts();
  }

  private static long above(int[] words, int at, ShortVector limit) {
    return IntVector.fromArray(INTS, words, at).reinterpretAsShorts().compare(GT, limit).toLong();
  }
}
