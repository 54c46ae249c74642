package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.NonFiniteWeightException;
import io.github.wandacuda.backend.Selection;
import io.github.wandacuda.backend.SelectionArguments;
import io.github.wandacuda.backend.SelectionRule;
import io.github.wandacuda.backend.Selector;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
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
  public Selection select(
      WeightMatrix source,
      float[] norms,
      SelectionRule rule,
      WeightMatrix destination,
      MemorySegment mask) {
    SelectionArguments.check(source, rule, destination, mask);
    float[] checked = SelectionArguments.norms(norms, source.columns());
    if (source.elements() == 0) {
      return new Selection(0, 0);
    }
    RowPruner pruner = kernels.pruner(source.dtype(), source.columns(), checked, rule);
    RowPanel panel = RowPanel.of(source, destination);
    long[] kept = new long[Math.ceilDiv(source.columns(), Long.SIZE)];
    long picked = 0;
    long zeros = 0;
    for (int first = 0; first < source.rows(); first += panel.capacity()) {
      int count = Math.min(panel.capacity(), source.rows() - first);
      panel.read(source, first, count);
      for (int r = 0; r < count; r++) {
        int inRow = pruner.prune(panel.row(r), kept);
        if (inRow == RowPruner.NON_FINITE) {
          throw nonFinite(source, panel.row(r), first + r);
        }
        picked += inRow;
        zeros += kernels.countZeros(source.dtype(), panel.row(r), source.columns());
        if (mask != null) {
          writeKept(kept, maskBytes(source), mask, first + r);
        }
      }
      panel.write(destination, first, count);
    }
    return new Selection(picked, zeros);
  }

  @Override
  public void countMagnitudes(WeightMatrix source, long[] counts) {
    SelectionArguments.checkBins(counts, UPPER_BINS);
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
    SelectionArguments.checkBins(counts, LOWER_BINS);
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
}
