package io.github.wandacuda.scalar;

import io.github.wandacuda.DType;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.Lowest;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Selection in plain loops: the lowest scores of a row by {@link RadixThreshold}, those of a short
 * group by counting which are lower.
 *
 * <p>One thread prunes the first 17 million BF16 weights, rows of 2048, in 0.15 s, and takes 3.1 ns
 * a weight from then on; the scalar reference takes 0.4 s and 12 ns. The kernels on vectors take
 * 0.3 ns, but only once they are compiled.
 */
public final class RadixSelect implements CpuSelectKernels {
  /** In longer groups it is faster to count digits. */
  private static final int MOST_RANKED = 32;

  @Override
  public RowPruner pruner(DType dtype, int columns, float[] norms, SelectionRule rule) {
    return new Row(new RowBuffer(dtype, columns, norms), marker(rule, columns));
  }

  private static Marker marker(SelectionRule rule, int columns) {
    if (rule instanceof AtMost most) {
      int threshold = most.lowestKept() - 1;
      return (keys, kept) -> KeptColumns.above(keys, 0, columns, threshold, columns, kept);
    }
    Lowest lowest = (Lowest) rule;
    int size = lowest.groupSize(columns);
    int pruned = lowest.perGroup();
    if (size <= MOST_RANKED) {
      return (keys, kept) -> KeptColumns.byRank(keys, size, pruned, kept);
    }
    RadixThreshold radix = new RadixThreshold(size);
    return (keys, kept) -> {
      for (int from = 0; from < columns; from += size) {
        int to = from + size;
        radix.find(keys, from, to, pruned);
        KeptColumns.above(keys, from, to, radix.threshold(), radix.equal(), kept);
      }
    };
  }

  /** Sets the bits of what stays. */
  private interface Marker {
    void mark(int[] keys, long[] kept);
  }

  private static final class Row implements RowPruner {
    private final RowBuffer row;
    private final Marker marker;
    private int zeros;

    Row(RowBuffer row, Marker marker) {
      this.row = row;
      this.marker = marker;
    }

    @Override
    public int prune(MemorySegment memory, long at, long[] kept) {
      if (!row.read(memory, at)) {
        return NON_FINITE;
      }
      Arrays.fill(kept, 0);
      marker.mark(row.keys(), kept);
      zeros = row.write(kept, memory, at);
      int stay = 0;
      for (long bits : kept) {
        stay += Long.bitCount(bits);
      }
      return row.keys().length - stay;
    }

    @Override
    public boolean passesOnce() {
      return true;
    }

    @Override
    public int zeros() {
      return zeros;
    }
  }
}
