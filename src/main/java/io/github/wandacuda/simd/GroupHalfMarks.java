package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.COUNT;
import static io.github.wandacuda.simd.Lanes.INTS;
import static io.github.wandacuda.simd.Lanes.SHORTS;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.XOR;

import java.util.Arrays;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Marks the lower half of each group of four or eight keys: 2:4 and 4:8. A key is kept if at least
 * half as many keys as a group has come before it: of three others two, of seven others four. A
 * comparison's outcome is the sign of a difference, so the votes are counted by the bits of whole
 * words: two of three is a majority, and of seven the carries of three full adders decide, each of
 * which stands for two.
 */
final class GroupHalfMarks {
  private static final IntVector NEXT_OF_2 = rotation(2, 1);
  private static final IntVector NEXT_OF_4 = rotation(4, 1);
  private static final IntVector SECOND_OF_4 = rotation(4, 2);
  private static final IntVector THIRD_OF_4 = rotation(4, 3);
  private static final IntVector AFTER_NEXT_OF_2 = after(NEXT_OF_2);
  private static final IntVector AFTER_NEXT_OF_4 = after(NEXT_OF_4);
  private static final IntVector AFTER_SECOND_OF_4 = after(SECOND_OF_4);
  private static final IntVector AFTER_THIRD_OF_4 = after(THIRD_OF_4);

  private GroupHalfMarks() {}

  /** Returns which lane comes to each lane when groups of lanes are rotated. */
  private static IntVector rotation(int lanes, int by) {
    int[] from = new int[COUNT];
    Arrays.setAll(from, lane -> lane / lanes * lanes + (lane + by) % lanes);
    return IntVector.fromArray(INTS, from, 0);
  }

  /**
   * Returns 1 in the lanes whose key also comes after an equal one in the lane that comes to it.
   */
  private static IntVector after(IntVector rotation) {
    int[] ones = new int[COUNT];
    for (int lane = 0; lane < COUNT; lane++) {
      ones[lane] = rotation.lane(lane) < lane ? 1 : 0;
    }
    return IntVector.fromArray(INTS, ones, 0);
  }

  /** Writes marks, negative for keys that go, of groups of four in one plane. */
  static void markFours(int[] keys, short[] marks) {
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

  /** Writes marks, negative for keys that go, of groups of four whose columns alternate. */
  static void markFours(int[] keys, int stride, short[] marks) {
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

  /**
   * Writes marks, negative for keys that go, of groups of eight whose columns alternate: in short
   * loops, since C2 of 25.0.3 gives up inlining a long one's vector operations half-way, and what
   * it leaves out works on vectors as objects, 60 times slower.
   *
   * @param votes room for four times as many numbers as there are keys in a plane
   */
  static void markEights(int[] keys, int stride, int[] votes, short[] marks) {
    vote(keys, 0, 0, stride, votes, 0);
    vote(keys, 0, stride, stride, votes, 2 * stride);
    markEven(keys, stride, votes, marks);
    vote(keys, stride, stride, stride, votes, 0);
    vote(keys, stride, 0, stride, votes, 2 * stride);
    markOdd(keys, stride, votes, marks);
  }

  private static void markEven(int[] keys, int stride, int[] votes, short[] marks) {
    for (int i = 0; i < stride; i += COUNT) {
      IntVector pruned = fourOfSeven(beside(keys, i, stride), votes, i, stride).not();
      pruned.lanewise(LSHR, Short.SIZE).reinterpretAsShorts().intoArray(marks, 2 * i);
    }
  }

  private static void markOdd(int[] keys, int stride, int[] votes, short[] marks) {
    for (int i = 0; i < stride; i += COUNT) {
      IntVector pruned = fourOfSeven(beside(keys, i, stride).not(), votes, i, stride).not();
      IntVector even = ShortVector.fromArray(SHORTS, marks, 2 * i).reinterpretAsInts();
      pruned.and(0xffff_0000).or(even).reinterpretAsShorts().intoArray(marks, 2 * i);
    }
  }

  /** Returns negative where the odd column of a word comes before the even one. */
  private static IntVector beside(int[] keys, int i, int stride) {
    return IntVector.fromArray(INTS, keys, stride + i).sub(IntVector.fromArray(INTS, keys, i));
  }

  /**
   * Adds up, for each key of one plane, the votes of the other words' keys in the same or the other
   * plane: twos from {@code to} on, ones a stride behind.
   */
  private static void vote(int[] keys, int plane, int others, int stride, int[] votes, int to) {
    for (int i = 0; i < stride; i += COUNT) {
      IntVector key = IntVector.fromArray(INTS, keys, plane + i);
      IntVector other = IntVector.fromArray(INTS, keys, others + i);
      IntVector a = NEXT_OF_4.selectFrom(other).sub(key.add(AFTER_NEXT_OF_4));
      IntVector b = SECOND_OF_4.selectFrom(other).sub(key.add(AFTER_SECOND_OF_4));
      IntVector c = THIRD_OF_4.selectFrom(other).sub(key.add(AFTER_THIRD_OF_4));
      majority(a, b, c).intoArray(votes, to + i);
      a.lanewise(XOR, b).lanewise(XOR, c).intoArray(votes, to + stride + i);
    }
  }

  /** Returns negative where four of a key's group come before it. */
  private static IntVector fourOfSeven(IntVector beside, int[] votes, int i, int stride) {
    IntVector ones = IntVector.fromArray(INTS, votes, stride + i);
    IntVector otherOnes = IntVector.fromArray(INTS, votes, 3 * stride + i);
    IntVector twos = IntVector.fromArray(INTS, votes, i);
    IntVector otherTwos = IntVector.fromArray(INTS, votes, 2 * stride + i);
    return majority(twos, otherTwos, majority(ones, otherOnes, beside));
  }

  private static IntVector majority(IntVector a, IntVector b, IntVector c) {
    return a.and(b).or(c.and(a.or(b)));
  }
}
