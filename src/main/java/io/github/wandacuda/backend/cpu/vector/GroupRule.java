package io.github.wandacuda.backend.cpu.vector;

import io.github.wandacuda.backend.Sparsity.GroupPattern;
import io.github.wandacuda.tensor.DType;

/** Makes the fastest rule that serves a group's size. */
final class GroupRule {
  private static final int FOUR = 4;
  private static final int EIGHT = 8;

  private GroupRule() {}

  static MarkedRow.Rule of(DType dtype, int columns, GroupPattern group) {
    int size = group.size();
    int pruned = group.pruned();
    boolean half = 2 * pruned == size;
    boolean alternating = dtype != DType.F32;
    if (half && size == FOUR) {
      return alternating
          ? (planes, keys, marks) -> HalfGroups.markFours(keys, planes.stride(), marks)
          : (planes, keys, marks) -> HalfGroups.markFours(keys, marks);
    }
    if (half && size == EIGHT && alternating) {
      int[] votes = new int[2 * Planes.of(dtype, columns).length()];
      return (planes, keys, marks) -> HalfGroups.markEights(keys, planes.stride(), votes, marks);
    }
    Planes places = Planes.of(dtype, columns);
    if (GroupRanks.fits(places, size)) {
      GroupRanks ranks = new GroupRanks(places, size);
      return (planes, keys, marks) -> {
        ranks.rank(keys);
        GroupMarks.below(planes, keys, pruned, marks);
      };
    }
    GroupLimits limits = new GroupLimits(places, pruned, size);
    return (planes, keys, marks) -> {
      limits.mark(keys);
      GroupMarks.below(planes, keys, 0, marks);
    };
  }
}
