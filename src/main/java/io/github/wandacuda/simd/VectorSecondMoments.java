package io.github.wandacuda.simd;

import io.github.wandacuda.forward.PackedTriangle;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;

/**
 * Sums of products of columns as a blocked matrix product, the transpose of x times x, on the
 * register tiles of {@link VectorLinear}. All workers copy the rows twice, once for each factor;
 * then each task computes a block of pairs, run by run, whose doubles are dense meanwhile and stay
 * in the second-level cache. Tiles below the diagonal are left out.
 */
final class VectorSecondMoments {
  private static final int RUN = CpuForwardKernels.RUN;

  /**
   * Elements of x whose copies are in memory at a time, about: 32 MiB each. The more rows they are,
   * the less often the triangle is read and written.
   */
  private static final int ELEMENTS_PER_PART = 1 << 23;

  /** Runs of a part at least, however many columns there are. */
  private static final int FEWEST_RUNS = 4;

  /** Columns of a task of copying: whole strips of either copy. */
  private static final int COLUMNS_PER_COPY = 192;

  /**
   * Columns that are copied side by side for the first factor. With twice as many, the places that
   * are written in turns were too many for a set of the first-level cache.
   */
  private static final int COLUMNS_PER_PASS = 16 * RegisterTile.ROWS;

  /** Full blocks for each worker, so that all workers end at about the same time. */
  private static final int BLOCKS_PER_WORKER = 4;

  /** A block's rows if full blocks would be too few: those of a pass of {@link VectorLinear}. */
  private static final int FEWER_ROWS = PairBlock.MOST_ROWS / 2;

  private final int elementsPerPart;
  private final ColumnStrips left = ColumnStrips.first();
  private final ColumnStrips right = ColumnStrips.second();
  private final WorkerLocal<PairBlock> blocks = new WorkerLocal<>(PairBlock::new);

  VectorSecondMoments() {
    this(ELEMENTS_PER_PART);
  }

  /** Makes sums of parts of another size, for tests. */
  VectorSecondMoments(int elementsPerPart) {
    this.elementsPerPart = elementsPerPart;
  }

  /** See {@link CpuForwardKernels#secondMoments}. */
  void secondMoments(CpuTensor x, MemorySegment sums, WorkerPool workers) {
    blocks.prepare(workers);
    int runs = Math.max(FEWEST_RUNS, elementsPerPart / RUN / Math.max(1, x.columns()));
    for (int from = 0; from < x.rows(); from += runs * RUN) {
      pack(x, from, Math.min(runs * RUN, x.rows() - from), workers);
      multiply(x.columns(), sums, workers);
    }
  }

  private void pack(CpuTensor x, int from, int count, WorkerPool workers) {
    left.reshape(x, count);
    right.reshape(x, count);
    int pieces = Math.ceilDiv(x.columns(), COLUMNS_PER_COPY);
    workers.run(
        pieces * left.runs(),
        (worker, task) -> {
          int column = task % pieces * COLUMNS_PER_COPY;
          int end = Math.min(x.columns(), column + COLUMNS_PER_COPY);
          right.pack(x, from, task / pieces, column, end);
          for (int c = column; c < end; c += COLUMNS_PER_PASS) {
            left.pack(x, from, task / pieces, c, Math.min(end, c + COLUMNS_PER_PASS));
          }
        });
  }

  private void multiply(int columns, MemorySegment sums, WorkerPool workers) {
    int rows = rowsPerBlock(columns, workers);
    int down = Math.ceilDiv(columns, rows);
    int across = Math.ceilDiv(columns, PairBlock.COLUMNS);
    workers.run(
        down * across,
        (worker, task) -> {
          int row = task / across * rows;
          int column = task % across * PairBlock.COLUMNS;
          int end = Math.min(columns, column + PairBlock.COLUMNS);
          if (row < end) {
            var place = new PairBlock.Place(columns, row, Math.min(end, row + rows), column, end);
            blocks.of(worker).add(left, right, place, sums);
          }
        });
  }

  private static int rowsPerBlock(int columns, WorkerPool workers) {
    long full = PackedTriangle.elements(columns) / (PairBlock.MOST_ROWS * PairBlock.COLUMNS);
    return full < (long) BLOCKS_PER_WORKER * workers.count() ? FEWER_ROWS : PairBlock.MOST_ROWS;
  }
}
