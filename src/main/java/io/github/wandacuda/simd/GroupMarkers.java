package io.github.wandacuda.simd;

import io.github.wandacuda.DType;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;

/** Makes the fastest rule that serves a group's size. */
public final class GroupMarkers {
  private static final int FOUR = 4;
  private static final int EIGHT = 8;

  private GroupMarkers() {}

  public static MarkedRowPruner.Rule of(DType dtype, int columns, LowestPerGroup group) {
    int size = group.size();
    int pruned = group.pruned();
    boolean half = 2 * pruned == size;
    boolean alternating = dtype != DType.F32;
    if (half && size == FOUR) {
      return alternating
          ? (planes, keys, marks) -> GroupHalfMarks.markFours(keys, planes.stride(), marks)
          : (planes, keys, marks) -> GroupHalfMarks.markFours(keys, marks);
    }
    if (half && size == EIGHT && alternating) {
      int[] votes = new int[2 * KeyLayout.of(dtype, columns).length()];
      return (planes, keys, marks) ->
          GroupHalfMarks.markEights(keys, planes.stride(), votes, marks);
    }
    KeyLayout places = KeyLayout.of(dtype, columns);
    if (GroupRanks.fits(places, size)) {
      GroupRanks ranks = new GroupRanks(places, size);
      return (planes, keys, marks) -> {
        ranks.rank(keys);
        GroupMarks.below(planes, keys, pruned, marks);
      };
    }
    GroupThresholds thresholds = new GroupThresholds(places, pruned, size);
    return (planes, keys, marks) -> {
      thresholds.mark(keys);
      GroupMarks.below(planes, keys, 0, marks);
    };
  }
}
