package io.github.wandacuda.backend.cpu.vector;

import static io.github.wandacuda.backend.cpu.vector.Lanes.COUNT;
import static io.github.wandacuda.backend.cpu.vector.Lanes.INTS;

import jdk.incubator.vector.IntVector;

/** Turns whole keys into marks for {@link RowMarks}: negative where an element goes. */
final class GroupMarks {
  private GroupMarks() {}

  /** Marks the keys below a limit. */
  static void below(Planes planes, int[] keys, int limit, short[] marks) {
    boolean alternating = planes.count() == 2;
    int step = alternating ? COUNT : 2 * COUNT;
    int other = alternating ? planes.stride() : COUNT;
    int to = 0;
    for (int i = 0; i < planes.stride(); i += step) {
      IntVector first = IntVector.fromArray(INTS, keys, i).sub(limit);
      IntVector second = IntVector.fromArray(INTS, keys, i + other).sub(limit);
      Scores.upperHalves(first, second).reinterpretAsShorts().intoArray(marks, to);
      to += Lanes.SHORT_COUNT;
    }
  }
}
