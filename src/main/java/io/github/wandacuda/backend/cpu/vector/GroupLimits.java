package io.github.wandacuda.backend.cpu.vector;

import java.util.Arrays;

/** Picks the lowest keys of groups of any size: one search a group. */
final class GroupLimits {
  private final Planes planes;
  private final int pruned;
  private final int size;
  private final int[] group;
  private final LowestKeys lowest;

  GroupLimits(Planes planes, int pruned, int size) {
    this.planes = planes;
    this.pruned = pruned;
    this.size = size;
    group = new int[Math.ceilDiv(size, Lanes.COUNT) * Lanes.COUNT];
    Arrays.fill(group, ScoreKeys.PAD);
    lowest = new LowestKeys(group.length);
  }

  /** Replaces the keys of elements that go by -1. */
  void mark(int[] keys) {
    for (int from = 0; from < planes.columns(); from += size) {
      for (int i = 0; i < size; i++) {
        group[i] = keys[planes.at(from + i)];
      }
      lowest.find(group, group.length, size, 0, pruned);
      int ties = pruned - lowest.below();
      for (int i = 0; i < size; i++) {
        boolean tied = group[i] == lowest.limit() && ties > 0;
        ties -= tied ? 1 : 0;
        if (tied || group[i] < lowest.limit()) {
          keys[planes.at(from + i)] = RowMarks.GOES;
        }
      }
    }
  }
}
