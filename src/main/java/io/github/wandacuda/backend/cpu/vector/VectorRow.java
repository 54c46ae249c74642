package io.github.wandacuda.backend.cpu.vector;

import io.github.wandacuda.backend.SelectionRule;
import io.github.wandacuda.backend.SelectionRule.AtMost;
import io.github.wandacuda.backend.SelectionRule.LowestPerGroup;
import io.github.wandacuda.backend.SelectionRule.LowestPerRow;
import io.github.wandacuda.backend.cpu.RowPruner;
import io.github.wandacuda.backend.cpu.SelectKernels;
import io.github.wandacuda.tensor.DType;

/**
 * Prunes rows with vectors. Whatever the rule, it comes down to keys, one a column, and a limit:
 * what is below it goes.
 */
final class VectorRow implements RowPruner {
  private interface Rule {
    /** Turns a row's scores into keys of which those below the returned limit go. */
    int limit(int[] keys);

    /** Returns how many go. */
    int picked(int[] keys, int limit);
  }

  private final Planes planes;
  private final ScoreKeys scores;
  private final int[] keys;
  private final Rule rule;

  VectorRow(DType dtype, int columns, float[] norms, SelectionRule rule) {
    planes = Planes.of(dtype, columns);
    scores = new ScoreKeys(dtype, planes, norms);
    keys = new int[planes.length() + SelectKernels.PADDING];
    this.rule = ruleFor(rule);
  }

  @Override
  public int prune(int[] words, long[] kept) {
    if (!scores.compute(words, keys)) {
      return NON_FINITE;
    }
    int limit = rule.limit(keys);
    RowMarks.clear(planes, keys, limit, words, kept);
    return rule.picked(keys, limit);
  }

  private Rule ruleFor(SelectionRule asked) {
    if (asked instanceof LowestPerRow row) {
      return new Lowest(row.count());
    }
    if (asked instanceof LowestPerGroup group) {
      return GroupRanks.fits(planes, group.size())
          ? new RankedGroups(group.pruned(), group.size())
          : new SearchedGroups(group.pruned(), group.size());
    }
    return new Threshold(((AtMost) asked).threshold());
  }

  private final class Lowest implements Rule {
    private final int count;
    private final LowestKeys search = new LowestKeys(planes.length());

    Lowest(int count) {
      this.count = count;
    }

    @Override
    public int limit(int[] keys) {
      search.find(keys, planes.length(), planes.columns(), scores.mean(), count);
      RowMarks.splitTies(planes, keys, search.limit(), count - search.below());
      return search.limit();
    }

    @Override
    public int picked(int[] keys, int limit) {
      return count;
    }
  }

  private final class RankedGroups implements Rule {
    private final int pruned;
    private final int size;
    private final GroupRanks ranks;

    RankedGroups(int pruned, int size) {
      this.pruned = pruned;
      this.size = size;
      ranks = new GroupRanks(planes, size);
    }

    @Override
    public int limit(int[] keys) {
      ranks.rank(keys);
      return pruned;
    }

    @Override
    public int picked(int[] keys, int limit) {
      return planes.columns() / size * pruned;
    }
  }

  private final class SearchedGroups implements Rule {
    private final int pruned;
    private final int size;
    private final GroupLimits limits;

    SearchedGroups(int pruned, int size) {
      this.pruned = pruned;
      this.size = size;
      limits = new GroupLimits(planes, pruned, size);
    }

    @Override
    public int limit(int[] keys) {
      limits.mark(keys);
      return 0;
    }

    @Override
    public int picked(int[] keys, int limit) {
      return planes.columns() / size * pruned;
    }
  }

  private final class Threshold implements Rule {
    private final int limit;

    Threshold(float threshold) {
      limit = threshold < 0 ? 0 : Float.floatToRawIntBits(threshold + 0.0f) + 1;
    }

    @Override
    public int limit(int[] keys) {
      return limit;
    }

    @Override
    public int picked(int[] keys, int limit) {
      return KeyCounts.below(keys, planes.length(), limit);
    }
  }
}
