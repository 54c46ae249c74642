package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.backend.NonFiniteWeightException;
import io.github.wandacuda.backend.Selection;
import io.github.wandacuda.backend.SelectionArguments;
import io.github.wandacuda.backend.SelectionRule;
import io.github.wandacuda.backend.Selector;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * Selection on the calling thread, row by row: where the rows lie if their memory and length allow
 * it, else in a buffer. Memory that fails under it, such as a mapping of a file that was shrunk,
 * ends a call with an {@link InternalError}.
 */
public final class CpuSelector implements Selector {
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** What is loaded or copied before it is pruned: enough to do it well, and a share of an L2. */
  private static final long CACHED_BYTES = 64 << 10;

  private final PrunerPool pruners;

  /** Creates a selector that computes with the given kernels. */
  public CpuSelector(SelectKernels kernels) {
    pruners = new PrunerPool(Objects.requireNonNull(kernels, "kernels"));
  }

  @Override
  public Selection select(
      WeightMatrix source,
      float[] norms,
      SelectionRule rule,
      WeightMatrix destination,
      MemorySegment mask) {
    SelectionArguments.check(source, rule, destination, mask);
    if (source.elements() == 0) {
      SelectionArguments.norms(norms, source.columns());
      return new Selection(0, 0);
    }
    PrunerPool.Entry entry = pruners.take(source.dtype(), source.columns(), norms, rule);
    Run run = new Run(entry.pruner(), source, mask);
    if (RowPanel.isNeedlessFor(destination) && source.hasDenseRows()) {
      pruneInPlace(source, destination, run);
    } else {
      pruneCopied(source, destination, run);
    }
    pruners.give(entry);
    return new Selection(run.picked, run.zeros);
  }

  /**
   * Loads some rows into the cache, copying them to where they go unless they are there, and prunes
   * them. Either comes at the speed of the memory, which a kernel that looks at a row several times
   * doesn't reach.
   */
  private static void pruneInPlace(WeightMatrix source, WeightMatrix destination, Run run) {
    long rowBytes = (long) source.columns() * source.dtype().bytes();
    int some = (int) Math.max(1, CACHED_BYTES / rowBytes);
    boolean isThere = source.equals(destination);
    for (int first = 0; first < source.rows(); first += some) {
      int end = Math.min(source.rows(), first + some);
      if (!isThere) {
        copy(source, destination, first, end, rowBytes);
      } else if (!run.pruner.passesOnce()) {
        load(source, first, end, rowBytes, run.preload);
      }
      for (int row = first; row < end; row++) {
        run.prune(row, destination.data(), destination.byteOffset(row, 0));
      }
    }
  }

  private static void load(
      WeightMatrix matrix, int first, int end, long rowBytes, Preload preload) {
    int step = matrix.rowStride() == matrix.columns() ? end - first : 1;
    for (int row = first; row < end; row += step) {
      preload.load(matrix.data(), matrix.byteOffset(row, 0), step * rowBytes);
    }
  }

  private static void copy(
      WeightMatrix source, WeightMatrix destination, int first, int end, long rowBytes) {
    boolean whole =
        source.rowStride() == source.columns() && destination.rowStride() == source.columns();
    int step = whole ? end - first : 1;
    for (int row = first; row < end; row += step) {
      long from = source.byteOffset(row, 0);
      long to = destination.byteOffset(row, 0);
      MemorySegment.copy(source.data(), from, destination.data(), to, step * rowBytes);
    }
  }

  private static void pruneCopied(WeightMatrix source, WeightMatrix destination, Run run) {
    try (Arena arena = Arena.ofConfined()) {
      RowPanel panel = RowPanel.of(source, destination, arena);
      for (int first = 0; first < source.rows(); first += panel.capacity()) {
        int count = Math.min(panel.capacity(), source.rows() - first);
        panel.read(source, first, count);
        for (int r = 0; r < count; r++) {
          run.prune(first + r, panel.memory(), panel.at(r));
        }
        panel.write(destination, first, count);
      }
    }
  }

  /** A call under way, and what it adds up. */
  private static final class Run {
    private final RowPruner pruner;
    private final WeightMatrix matrix;
    private final MemorySegment mask;
    private final Preload preload = new Preload();
    private final long[] kept;
    private long picked;
    private long zeros;

    Run(RowPruner pruner, WeightMatrix matrix, MemorySegment mask) {
      this.pruner = pruner;
      this.matrix = matrix;
      this.mask = mask;
      kept = new long[Math.ceilDiv(matrix.columns(), Long.SIZE)];
    }

    void prune(int row, MemorySegment memory, long at) {
      int inRow = pruner.prune(memory, at, kept);
      if (inRow == RowPruner.NON_FINITE) {
        throw nonFinite(matrix, memory, at, row);
      }
      picked += inRow;
      zeros += pruner.zeros();
      if (mask != null) {
        writeKept(kept, maskBytes(matrix), mask, row);
      }
    }
  }

  @Override
  public void countMagnitudes(WeightMatrix source, long[] counts) {
    SelectionArguments.checkBins(counts, UPPER_BINS);
    forEachRow(
        source,
        (memory, at, row) -> {
          int highest =
              ScalarMagnitudes.upper(source.dtype(), memory, at, source.columns(), counts);
          if (highest >= RowElements.INFINITY >>> 16) {
            throw nonFinite(source, memory, at, row);
          }
        });
  }

  @Override
  public void countMagnitudes(WeightMatrix source, int upper, long[] counts) {
    Objects.checkIndex(upper, UPPER_BINS);
    SelectionArguments.checkBins(counts, LOWER_BINS);
    forEachRow(
        source,
        (memory, at, row) ->
            ScalarMagnitudes.lower(source.dtype(), memory, at, source.columns(), upper, counts));
  }

  private interface RowVisitor {
    void visit(MemorySegment memory, long at, int row);
  }

  private static void forEachRow(WeightMatrix source, RowVisitor visitor) {
    if (RowPanel.isNeedlessFor(source)) {
      for (int row = 0; row < source.rows(); row++) {
        visitor.visit(source.data(), source.byteOffset(row, 0), row);
      }
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      RowPanel panel = RowPanel.of(source, null, arena);
      for (int first = 0; first < source.rows(); first += panel.capacity()) {
        int count = Math.min(panel.capacity(), source.rows() - first);
        panel.read(source, first, count);
        for (int r = 0; r < count; r++) {
          visitor.visit(panel.memory(), panel.at(r), first + r);
        }
      }
    }
  }

  private static NonFiniteWeightException nonFinite(
      WeightMatrix source, MemorySegment memory, long at, int row) {
    for (int c = 0; c < source.columns(); c++) {
      float value = RowElements.value(source.dtype(), memory, at, c);
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
