package io.github.wandacuda.scalar;

import io.github.wandacuda.DType;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.Lowest;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Selection in plain Java: the specification of what every backend computes (score: Wanda, arXiv
 * 2306.11695, section 3). Scores are not negative, so their bits are ordered as they are.
 */
public final class ScalarSelect implements CpuSelectKernels {
  @Override
  public RowPruner pruner(DType dtype, int columns, float[] norms, SelectionRule rule) {
    return new Row(dtype, columns, norms, rule);
  }

  private static int countZeros(DType dtype, MemorySegment memory, long at, int columns) {
    int zeros = 0;
    for (int c = 0; c < columns; c++) {
      zeros += RowElements.magnitude(dtype, memory, at, c) == 0 ? 1 : 0;
    }
    return zeros;
  }

  private static final class Row extends RowPruner {
    private final DType dtype;
    private final int columns;
    private final float[] norms;
    private final SelectionRule rule;
    private final float[] scores;

    Row(DType dtype, int columns, float[] norms, SelectionRule rule) {
      this.dtype = dtype;
      this.columns = columns;
      this.norms = norms;
      this.rule = rule;
      scores = new float[columns];
    }

    @Override
    public int prune(MemorySegment memory, long at, long[] kept) {
      for (int c = 0; c < columns; c++) {
        int magnitude = RowElements.magnitude(dtype, memory, at, c);
        if (magnitude >= RowElements.INFINITY) {
          return NON_FINITE;
        }
        scores[c] = Float.intBitsToFloat(magnitude) * norms[c];
      }
      int[] picked = picked(scores, rule);
      for (int c : picked) {
        RowElements.clear(dtype, memory, at, c);
      }
      writeKept(columns, picked, kept);
      zeros = countZeros(dtype, memory, at, columns);
      return picked.length;
    }
  }

  /** Returns the columns of the elements that go. */
  private static int[] picked(float[] scores, SelectionRule rule) {
    int[] columns = new int[scores.length];
    int count = 0;
    if (rule instanceof Lowest lowest) {
      int size = lowest.groupSize(scores.length);
      for (int from = 0; from < scores.length; from += size) {
        count = pickLowest(scores, from, size, lowest.perGroup(), columns, count);
      }
    } else if (rule instanceof AtMost atMost) {
      for (int c = 0; c < scores.length; c++) {
        if (scores[c] <= atMost.threshold()) {
          columns[count++] = c;
        }
      }
    }
    return Arrays.copyOf(columns, count);
  }

  /** Appends the columns of a group's lowest scores, of equal ones the lowest columns. */
  private static int pickLowest(
      float[] scores, int from, int size, int pruned, int[] columns, int count) {
    long[] ordered = new long[size];
    for (int i = 0; i < size; i++) {
      ordered[i] = (long) Float.floatToRawIntBits(scores[from + i]) << 32 | (from + i);
    }
    Arrays.sort(ordered);
    for (int i = 0; i < pruned; i++) {
      columns[count + i] = (int) ordered[i];
    }
    return count + pruned;
  }

  private static void writeKept(int columns, int[] picked, long[] kept) {
    Arrays.fill(kept, -1L);
    if (columns % Long.SIZE != 0) {
      kept[kept.length - 1] = -1L >>> -columns;
    }
    for (int c : picked) {
      kept[c / Long.SIZE] &= ~(1L << c);
    }
  }
}
