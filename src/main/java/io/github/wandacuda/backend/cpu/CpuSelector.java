package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.NonFiniteWeightException;
import io.github.wandacuda.backend.SelectionRule;
import io.github.wandacuda.backend.SelectionRule.LowestPerGroup;
import io.github.wandacuda.backend.SelectionRule.LowestPerRow;
import io.github.wandacuda.backend.Selector;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Objects;

/**
 * Selection on the calling thread, row by row in heap buffers of its own. Memory that fails under
 * it, such as a mapping of a file that was shrunk, ends a call with an {@link InternalError}.
 */
public final class CpuSelector implements Selector {
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final SelectKernels kernels;

  /** Creates a selector that computes with the given kernels. */
  public CpuSelector(SelectKernels kernels) {
    this.kernels = Objects.requireNonNull(kernels, "kernels");
  }

  @Override
  public long select(
      WeightMatrix source,
      float[] norms,
      SelectionRule rule,
      WeightMatrix destination,
      MemorySegment mask) {
    checkShapes(source, destination, mask);
    checkRule(rule, source.columns());
    float[] checked = checkedNorms(norms, source.columns());
    if (source.elements() == 0) {
      return 0;
    }
    RowPruner pruner = kernels.pruner(source.dtype(), source.columns(), checked, rule);
    RowPanel panel = RowPanel.of(source, destination);
    long[] kept = new long[Math.ceilDiv(source.columns(), Long.SIZE)];
    long picked = 0;
    for (int first = 0; first < source.rows(); first += panel.capacity()) {
      int count = Math.min(panel.capacity(), source.rows() - first);
      panel.read(source, first, count);
      for (int r = 0; r < count; r++) {
        int inRow = pruner.prune(panel.row(r), kept);
        if (inRow == RowPruner.NON_FINITE) {
          throw nonFinite(source, panel.row(r), first + r);
        }
        picked += inRow;
        if (mask != null) {
          writeKept(kept, maskBytes(source), mask, first + r);
        }
      }
      panel.write(destination, first, count);
    }
    return picked;
  }

  @Override
  public void countMagnitudes(WeightMatrix source, long[] counts) {
    checkLength(counts, UPPER_BINS);
    forEachRow(
        source,
        (words, row) -> {
          int highest = MagnitudeCounts.upper(source.dtype(), words, source.columns(), counts);
          if (highest >= RowElements.INFINITY >>> 16) {
            throw nonFinite(source, words, row);
          }
        });
  }

  @Override
  public void countMagnitudes(WeightMatrix source, int upper, long[] counts) {
    Objects.checkIndex(upper, UPPER_BINS);
    checkLength(counts, LOWER_BINS);
    forEachRow(
        source,
        (words, row) ->
            MagnitudeCounts.lower(source.dtype(), words, source.columns(), upper, counts));
  }

  @Override
  public long countZeros(WeightMatrix source) {
    long[] zeros = new long[1];
    forEachRow(
        source,
        (words, row) -> zeros[0] += kernels.countZeros(source.dtype(), words, source.columns()));
    return zeros[0];
  }

  private interface RowVisitor {
    void visit(int[] words, int row);
  }

  private static void forEachRow(WeightMatrix source, RowVisitor visitor) {
    RowPanel panel = RowPanel.of(source, null);
    for (int first = 0; first < source.rows(); first += panel.capacity()) {
      int count = Math.min(panel.capacity(), source.rows() - first);
      panel.read(source, first, count);
      for (int r = 0; r < count; r++) {
        visitor.visit(panel.row(r), first + r);
      }
    }
  }

  private static NonFiniteWeightException nonFinite(WeightMatrix source, int[] words, int row) {
    for (int c = 0; c < source.columns(); c++) {
      float value = RowElements.value(source.dtype(), words, c);
      if (!Float.isFinite(value)) {
        return new NonFiniteWeightException(row, c, value);
      }
    }
    throw new AssertionError("row " + row + " is finite");
  }

  private static void writeKept(long[] kept, int bytes, MemorySegment mask, int row) {
    long at = (long) row * bytes;
    int whole = bytes / Long.BYTES;
    MemorySegment.copy(kept, 0, mask, LONG, at, whole);
    for (int i = whole * Long.BYTES; i < bytes; i++) {
      byte bits = (byte) (kept[whole] >>> (i % Long.BYTES * Byte.SIZE));
      mask.set(ValueLayout.JAVA_BYTE, at + i, bits);
    }
  }

  private static int maskBytes(WeightMatrix matrix) {
    return Math.toIntExact(Selector.maskRowBytes(matrix.columns()));
  }

  private static void checkShapes(
      WeightMatrix source, WeightMatrix destination, MemorySegment mask) {
    if (source.dtype() != destination.dtype()
        || source.rows() != destination.rows()
        || source.columns() != destination.columns()) {
      throw new IllegalArgumentException(
          "source is %d x %d %s, destination %d x %d %s"
              .formatted(
                  source.rows(),
                  source.columns(),
                  source.dtype(),
                  destination.rows(),
                  destination.columns(),
                  destination.dtype()));
    }
    long needed = (long) source.rows() * maskBytes(source);
    if (mask != null && mask.byteSize() < needed) {
      throw new IllegalArgumentException(
          "the mask needs %d bytes, its memory has %d".formatted(needed, mask.byteSize()));
    }
  }

  private static void checkRule(SelectionRule rule, int columns) {
    if (rule instanceof LowestPerRow row && row.count() > columns) {
      throw new IllegalArgumentException(
          "%d of a row's %d columns can't be pruned".formatted(row.count(), columns));
    }
    if (rule instanceof LowestPerGroup group && columns % group.size() != 0) {
      throw new IllegalArgumentException(
          "%d columns are no multiple of the pattern's %d".formatted(columns, group.size()));
    }
    Objects.requireNonNull(rule, "rule");
  }

  /** Returns a copy of the norms without -0.0, or ones, which leave magnitudes as they are. */
  private static float[] checkedNorms(float[] norms, int columns) {
    float[] checked = new float[columns];
    if (norms == null) {
      Arrays.fill(checked, 1.0f);
      return checked;
    }
    if (norms.length != columns) {
      throw new IllegalArgumentException(
          "%d norms for %d columns".formatted(norms.length, columns));
    }
    for (int c = 0; c < columns; c++) {
      if (!(norms[c] >= 0 && norms[c] <= Float.MAX_VALUE)) {
        throw new IllegalArgumentException("norm %d is %s".formatted(c, norms[c]));
      }
      checked[c] = norms[c] + 0.0f;
    }
    return checked;
  }

  private static void checkLength(long[] counts, int bins) {
    if (counts.length != bins) {
      throw new IllegalArgumentException("%d counts for %d bins".formatted(counts.length, bins));
    }
  }
}
