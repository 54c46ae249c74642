package io.github.wandacuda.backend.cpu;

import static io.github.wandacuda.system.LittleEndian.LONG;

import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.RowReader;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.DenseRows;
import io.github.wandacuda.scalar.CpuSelectKernels;
import io.github.wandacuda.scalar.RowElements;
import io.github.wandacuda.scalar.RowPruner;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionArguments;
import io.github.wandacuda.select.SelectionPlan;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.simd.CodeRows;
import io.github.wandacuda.system.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Deque;

/**
 * Prunes matrices by one rule and one vector of norms. To make a pruner takes about as long as
 * pruning a tile, and a pruner that has pruned rows knows where their thresholds were. So a call
 * takes the pruner that was used last, and makes one only if all are in use.
 *
 * @param kernels make pruners
 * @param arguments the rule, the norms and the matrices' columns and type
 * @param idle the pruners that no call uses, the one used last first
 */
record CpuPlan(CpuSelectKernels kernels, SelectionArguments arguments, Deque<RowPruner> idle)
    implements SelectionPlan {
  /**
   * So many bytes are loaded or copied before they are pruned: enough for full speed, and a
   * fraction of an L2 cache.
   */
  private static final long CACHED_BYTES = 64 << 10;

  @Override
  public Selection select(WeightMatrix source, WeightMatrix destination, MemorySegment mask) {
    arguments.check(source, destination, mask);
    if (source.elements() == 0) {
      return new Selection(0, 0);
    }
    RowPruner pruner = take();
    Run run = new Run(pruner, source, mask);
    if (destination != null && RowPanel.isNeedlessFor(destination) && source.hasDenseRows()) {
      pruneInPlace(source, destination, run);
    } else {
      RowPanel.forEachRow(source, destination, (memory, at, row) -> run.prune(row, memory, at));
    }
    give(pruner);
    return new Selection(run.picked, run.zeros);
  }

  @Override
  public Selection select(QuantizedMatrix codes, MemorySegment mask) {
    SelectionArguments.checkMask(codes.rows(), arguments.columns(), mask);
    RowPruner pruner = take();
    Run run = new Run(pruner, codes, mask);
    long rowBytes = codes.codes().rowBytes();
    int some = (int) Math.max(1, CACHED_BYTES / Math.max(1, rowBytes));
    for (int row = 0; row < codes.rows() && codes.columns() > 0; row++) {
      if (row % some == 0 && NativeMemory.is(codes.data())) {
        long bytes = Math.min(some * rowBytes, codes.data().byteSize() - row * rowBytes);
        run.load(codes.data(), row * rowBytes, bytes);
      }
      run.add(row, pruner.prune(codes, row, run.kept));
      CodeRows.keep(codes, row, run.kept);
    }
    give(pruner);
    return new Selection(run.picked, run.zeros);
  }

  /** Returns a pruner that serves the caller alone until it is given back. */
  private RowPruner take() {
    synchronized (idle) {
      if (!idle.isEmpty()) {
        return idle.pop();
      }
    }
    return kernels.pruner(
        arguments.dtype(), arguments.columns(), arguments.norms(), arguments.rule());
  }

  /** Gives a pruner back for other calls. */
  private void give(RowPruner pruner) {
    synchronized (idle) {
      idle.push(pruner);
    }
  }

  /**
   * Prunes some rows at a time, after loading them into the cache or copying them to where they go.
   * Loads and copies run at the speed of the memory, which a kernel that reads a row several times
   * doesn't reach.
   */
  private static void pruneInPlace(WeightMatrix source, WeightMatrix destination, Run run) {
    long rowBytes = (long) source.columns() * source.dtype().bytes();
    int some = (int) Math.max(1, CACHED_BYTES / rowBytes);
    long pitch = destination.rowStride() * destination.dtype().bytes();
    boolean isThere = source.equals(destination);
    for (int first = 0; first < source.rows(); first += some) {
      int end = Math.min(source.rows(), first + some);
      if (!isThere) {
        MemorySegment to = destination.data().asSlice(destination.byteOffset(first, 0));
        DenseRows.gather(source.rows(first, end - first), to, pitch);
      } else if (!run.pruner.passesOnce()) {
        load(source, first, end, rowBytes, run);
      }
      for (int row = first; row < end; row++) {
        run.prune(row, destination.data(), destination.byteOffset(row, 0));
      }
    }
  }

  /** Loads rows into the cache, all at once if they lie side by side. */
  private static void load(WeightMatrix matrix, int first, int end, long rowBytes, Run run) {
    int step = matrix.rowStride() == matrix.columns() ? end - first : 1;
    for (int row = first; row < end; row += step) {
      run.load(matrix.data(), matrix.byteOffset(row, 0), step * rowBytes);
    }
  }

  /** One call: adds up its counts and packs its mask. */
  private static final class Run {
    private static final long PAGE = 4096;
    private static final long LINE = 64;

    private final RowPruner pruner;
    private final RowReader matrix;
    private final MemorySegment mask;
    private final long[] kept;
    private long picked;
    private long zeros;

    /** Written for the JIT alone, which would leave out loads whose values nobody uses. */
    long loaded;

    Run(RowPruner pruner, RowReader matrix, MemorySegment mask) {
      this.pruner = pruner;
      this.matrix = matrix;
      this.mask = mask;
      kept = new long[Math.ceilDiv(matrix.columns(), Long.SIZE)];
    }

    /**
     * Prunes a row in place.
     *
     * @param at where the row begins in {@code memory}, in bytes
     */
    void prune(int row, MemorySegment memory, long at) {
      add(row, pruner.prune(memory, at, kept));
    }

    /**
     * Adds a row's counts and writes its mask.
     *
     * @param inRow how many elements were picked, or {@link RowPruner#NON_FINITE}
     * @throws io.github.wandacuda.NonFiniteWeightException if the row has a weight that is NaN or
     *     infinite
     */
    void add(int row, int inRow) {
      if (inRow == RowPruner.NON_FINITE) {
        throw RowElements.nonFinite(matrix, row);
      }
      picked += inRow;
      zeros += pruner.zeros();
      if (mask != null) {
        int bytes = (int) Selector.maskRowBytes(matrix.columns());
        long at = (long) row * bytes;
        int whole = bytes / Long.BYTES;
        MemorySegment.copy(kept, 0, mask, LONG, at, whole);
        for (int i = whole * Long.BYTES; i < bytes; i++) {
          byte bits = (byte) (kept[whole] >>> (i % Long.BYTES * Byte.SIZE));
          mask.set(ValueLayout.JAVA_BYTE, at + i, bits);
        }
      }
    }

    /**
     * Loads a word of each line of memory into the cache before a kernel reads it several times.
     * Otherwise the kernel would wait for memory in its first pass, line after line, and leave
     * memory idle in the others. The Vector API has no prefetch, and loads scattered over the other
     * passes delay these by as long as they take.
     *
     * <p>A processor loads ahead within a page, so pages are loaded side by side: 64 KiB come at 22
     * GB/s then, and at 18 one after the other (one thread of a Zen 4).
     */
    void load(MemorySegment memory, long at, long bytes) {
      if (memory.getClass() != NativeMemory.TYPE) {
        throw NativeMemory.expected();
      }
      long words = 0;
      int pages = (int) (bytes / PAGE);
      for (long line = 0; line < PAGE; line += LINE) {
        for (int page = 0; page < pages; page++) {
          words |= memory.get(ValueLayout.JAVA_LONG_UNALIGNED, at + line + PAGE * page);
        }
      }
      for (long rest = PAGE * pages; rest + LINE <= bytes; rest += LINE) {
        words |= memory.get(ValueLayout.JAVA_LONG_UNALIGNED, at + rest);
      }
      loaded = words;
    }
  }

  /** It holds nothing but Java memory, and others may have it too. */
  @Override
  public void close() {}
}
