package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.COUNT;
import static io.github.wandacuda.simd.Lanes.INTS;

import java.util.Arrays;
import jdk.incubator.vector.IntVector;

/**
 * Marks the lower half of each group of four keys: 2:4. A key is kept if two of the three others
 * come before it. A comparison's outcome is the sign of a difference, so the votes are counted by
 * the bits of whole words: two of three is a majority.
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

  private static IntVector majority(IntVector a, IntVector b, IntVector c) {
    return a.and(b).or(c.and(a.or(b)));
  }
}
