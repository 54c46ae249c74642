package io.github.wandacuda.simd;

import java.util.Arrays;

/** Picks the lowest keys of groups of any size, by sorting each with its keys' places. */
final class GroupThresholds {
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
