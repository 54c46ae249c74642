package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.COUNT;
import static io.github.wandacuda.simd.Lanes.INTS;

import jdk.incubator.vector.IntVector;

/** Turns whole keys into marks for {@link RowMarks}: negative where an element is pruned. */
public final class GroupMarks {
  private GroupMarks() {}

  /** Marks the keys below a threshold. */
  public static void below(KeyLayout planes, int[] keys, int threshold, short[] marks) {
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
}
