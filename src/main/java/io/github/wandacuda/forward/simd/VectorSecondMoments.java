package io.github.wandacuda.forward.simd;

import io.github.wandacuda.forward.PackedTriangle;
import io.github.wandacuda.forward.reference.CpuForwardKernels;
import io.github.wandacuda.forward.reference.CpuTensor;
import io.github.wandacuda.forward.simd.blocks.WorkerLocal;
import io.github.wandacuda.simd.Lanes;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Sums of products of columns as a blocked matrix product, the transpose of x times x, on the
 * register tiles of {@link VectorLinear}. All workers copy the rows twice, once for each factor;
 * then each task computes a block of pairs, run by run, whose doubles stay in the second-level
 * cache meanwhile. Tiles below the diagonal are left out.
 */
final class VectorSecondMoments {
  /** Rows of x whose copies are in memory at a time: whole runs. */
  private static final int ROWS_PER_PART = 4 * CpuForwardKernels.RUN;

  /** A block's rows, the first columns of its pairs: those of a pass of {@link VectorLinear}. */
  private static final int BLOCK_ROWS = 24 * RegisterTile.ROWS;

  /** A block's columns: 256 KB of a run. */
  private static final int BLOCK_COLUMNS = 256;

  private final ColumnStrips left = new ColumnStrips(RegisterTile.ROWS);
  private final ColumnStrips right = new ColumnStrips(RegisterTile.COLUMNS);
  private final WorkerLocal<float[]> tiles =
      new WorkerLocal<>(() -> new float[RegisterTile.ROWS * RegisterTile.COLUMNS]);

  /** See {@link CpuForwardKernels#secondMoments}. */
  void secondMoments(CpuTensor x, MemorySegment sums, WorkerPool workers) {
    tiles.prepare(workers);
    for (int from = 0; from < x.rows(); from += ROWS_PER_PART) {
      int count = Math.min(ROWS_PER_PART, x.rows() - from);
      left.pack(x, from, count, workers);
      right.pack(x, from, count, workers);
      multiply(new Sums(sums, x.columns()), workers);
    }
  }

  private void multiply(Sums sums, WorkerPool workers) {
    int down = Math.ceilDiv(sums.columns, BLOCK_ROWS);
    int across = Math.ceilDiv(sums.columns, BLOCK_COLUMNS);
    workers.run(
        down * across,
        (worker, task) -> {
          int row = task / across * BLOCK_ROWS;
          int column = task % across * BLOCK_COLUMNS;
          int end = Math.min(sums.columns, column + BLOCK_COLUMNS);
          if (row < end) {
            for (int run = 0; run < left.runs(); run++) {
              block(run, row, column, end, sums, tiles.of(worker));
            }
          }
        });
  }

  /** Adds a run's products of a block. */
  private void block(int run, int row, int column, int end, Sums sums, float[] tile) {
    int depth = left.depth(run);
    for (int c = column; c < end; c += RegisterTile.COLUMNS) {
      int tileEnd = Math.min(end, c + RegisterTile.COLUMNS);
      int rowEnd = Math.min(row + BLOCK_ROWS, tileEnd);
      for (int r = row; r < rowEnd; r += RegisterTile.ROWS) {
        RegisterTile.multiply(
            left.data(),
            left.at(run, r),
            right.data(),
            right.at(run, c),
            depth,
            RegisterTile.NOTHING,
            0,
            tile,
            0);
        sums.add(tile, r, c, tileEnd);
      }
    }
  }

  /** The doubles of all pairs. */
  private record Sums(MemorySegment doubles, int columns) {
    /**
     * Adds a tile's sums.
     *
     * @param row the first row of the tile
     * @param column its first column
     * @param columnEnd the column after its last one
     */
    void add(float[] tile, int row, int column, int columnEnd) {
      int rowEnd = Math.min(row + RegisterTile.ROWS, columnEnd);
      for (int r = row; r < rowEnd; r++) {
        int from = Math.max(column, r);
        long to = PackedTriangle.rowStart(columns, r) + from - r;
        add(tile, (r - row) * RegisterTile.COLUMNS + from - column, to, columnEnd - from);
      }
    }

    private void add(float[] values, int at, long to, int count) {
      int whole = Lanes.FLOATS.loopBound(count);
      for (int i = 0; i < whole; i += Lanes.COUNT) {
        FloatVector floats = FloatVector.fromArray(Lanes.FLOATS, values, at + i);
        add(floats, 0, to + i);
        add(floats, 1, to + i + Lanes.DOUBLES.length());
      }
      for (int i = whole; i < count; i++) {
        double sum = doubles.getAtIndex(ValueLayout.JAVA_DOUBLE, to + i) + values[at + i];
        doubles.setAtIndex(ValueLayout.JAVA_DOUBLE, to + i, sum);
      }
    }

    /** Adds one half of a vector. */
    private void add(FloatVector floats, int half, long to) {
      long at = to * Double.BYTES;
      ByteOrder order = ByteOrder.nativeOrder();
      DoubleVector.fromMemorySegment(Lanes.DOUBLES, doubles, at, order)
          .add(floats.convertShape(VectorOperators.F2D, Lanes.DOUBLES, half))
          .intoMemorySegment(doubles, at, order);
    }
  }
}
