package io.github.wandacuda.simd;

import io.github.wandacuda.forward.PackedTriangle;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Sums of products of columns as a blocked matrix product, the transpose of x times x, on the
 * register tiles of {@link VectorLinear}. All workers copy the rows twice, once for each factor;
 * then each task computes a block of pairs, run by run, whose doubles are dense meanwhile and stay
 * in the second-level cache. Tiles below the diagonal are left out.
 */
final class VectorSecondMoments {
  private static final int RUN = CpuForwardKernels.RUN;

  /**
   * About so many elements of x are copied at a time, 32 MiB for each copy. The more rows they are,
   * the less often the triangle is read and written.
   */
  private static final int ELEMENTS_PER_PART = 1 << 23;

  /** Runs of a part at least, however many columns there are. */
  private static final int FEWEST_RUNS = 4;

  /** Columns of a task of copying: whole strips of either copy. */
  private static final int COLUMNS_PER_COPY = 192;

  /**
   * Columns that are copied side by side for the first factor. With twice as many, the addresses
   * written in turn were more than a set of the first-level cache holds.
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

  /** Creates sums with parts of another size, for tests. */
  VectorSecondMoments(int elementsPerPart) {
    this.elementsPerPart = elementsPerPart;
  }

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

  /**
   * A worker's block of the triangle of sums of products, stored tile by tile. It is read from the
   * triangle, the sums of all runs are added one after the other, and it is written back. Its
   * elements below the diagonal are undefined.
   */
  private static final class PairBlock {
    /**
     * A block's rows at most, the first columns of its pairs. The more they are, the fewer times
     * the block's columns come from memory.
     */
    static final int MOST_ROWS = 48 * RegisterTile.ROWS;

    /** A block's columns: 256 KB of a run. */
    static final int COLUMNS = 256;

    private static final int TILE = RegisterTile.ROWS * RegisterTile.COLUMNS;

    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private final float[] tile = new float[TILE];
    private final double[] sums = new double[MOST_ROWS * COLUMNS];

    private Place place;

    /** Copies one piece of a row between the block and the triangle. */
    private interface Piece {
      void copy(int at, long triangleAt, int count);
    }

    /**
     * Where a block lies in the triangle; the ends are exclusive.
     *
     * @param row the block's first row, where a tile begins
     * @param rowEnd the row after the last one that has pairs on or above the diagonal
     */
    record Place(int columns, int row, int rowEnd, int column, int columnEnd) {
      /** Returns where a row of a tile begins whose first column is {@code c}. */
      int at(int r, int c) {
        return (c - column) * RegisterTile.wholeRows(rowEnd - row)
            + (r - row) * RegisterTile.COLUMNS;
      }
    }

    /**
     * Adds all runs to the sums of a block.
     *
     * @param triangle doubles in the order of {@link PackedTriangle}
     */
    void add(ColumnStrips left, ColumnStrips right, Place block, MemorySegment triangle) {
      place = block;
      pieces((at, from, count) -> read(triangle, from, at, count));
      for (int run = 0; run < left.runs(); run++) {
        multiply(left, right, run);
      }
      pieces((at, to, count) -> write(at, triangle, to, count));
    }

    /** Goes through all rows of all tiles, as far as they lie on or above the diagonal. */
    private void pieces(Piece piece) {
      for (int c = place.column; c < place.columnEnd; c += RegisterTile.COLUMNS) {
        int tileEnd = Math.min(place.columnEnd, c + RegisterTile.COLUMNS);
        int rowEnd = Math.min(place.rowEnd, tileEnd);
        for (int r = place.row; r < rowEnd; r++) {
          int from = Math.max(c, r);
          long triangleAt = PackedTriangle.rowStart(place.columns, r) + from - r;
          piece.copy(place.at(r, c) + from - c, triangleAt, tileEnd - from);
        }
      }
    }

    private void read(MemorySegment triangle, long from, int at, int count) {
      int whole = Lanes.DOUBLES.loopBound(count);
      for (int i = 0; i < whole; i += Lanes.DOUBLE_COUNT) {
        DoubleVector.fromMemorySegment(Lanes.DOUBLES, triangle, (from + i) * Double.BYTES, ORDER)
            .intoArray(sums, at + i);
      }
      for (int i = whole; i < count; i++) {
        sums[at + i] = triangle.getAtIndex(ValueLayout.JAVA_DOUBLE, from + i);
      }
    }

    private void write(int at, MemorySegment triangle, long to, int count) {
      int whole = Lanes.DOUBLES.loopBound(count);
      for (int i = 0; i < whole; i += Lanes.DOUBLE_COUNT) {
        DoubleVector.fromArray(Lanes.DOUBLES, sums, at + i)
            .intoMemorySegment(triangle, (to + i) * Double.BYTES, ORDER);
      }
      for (int i = whole; i < count; i++) {
        triangle.setAtIndex(ValueLayout.JAVA_DOUBLE, to + i, sums[at + i]);
      }
    }

    private void multiply(ColumnStrips left, ColumnStrips right, int run) {
      int depth = left.depth(run);
      for (int c = place.column; c < place.columnEnd; c += RegisterTile.COLUMNS) {
        int rowEnd = Math.min(place.rowEnd, c + RegisterTile.COLUMNS);
        for (int r = place.row; r < rowEnd; r += RegisterTile.ROWS) {
          int from = left.at(run, r);
          int to = right.at(run, c);
          RegisterTile.multiply(left.data(), from, right.data(), to, depth, true, tile, 0);
          addTile(place.at(r, c));
        }
      }
    }

    private void addTile(int at) {
      for (int i = 0; i < TILE; i += Lanes.COUNT) {
        FloatVector floats = FloatVector.fromArray(Lanes.FLOATS, tile, i);
        add(floats, 0, at + i);
        add(floats, 1, at + i + Lanes.DOUBLE_COUNT);
      }
    }

    private void add(FloatVector floats, int half, int at) {
      DoubleVector.fromArray(Lanes.DOUBLES, sums, at)
          .add(floats.convertShape(VectorOperators.F2D, Lanes.DOUBLES, half))
          .intoArray(sums, at);
    }
  }

  /**
   * Some rows of a matrix in the order in which {@link RegisterTile} reads either factor of a
   * product that sums over rows: by runs of rows, within a run by strips of columns, within a strip
   * by rows. The content of the columns that pad the last strip is undefined.
   */
  private static final class ColumnStrips {
    /**
     * Elements before the first strip. The elements of a large array begin 16 bytes after a
     * multiple of 64 where the JVM's objects have headers of 16 bytes, and a vector that crosses
     * two cache lines is loaded twice: without these, products took an eighth longer (Emerald
     * Rapids).
     */
    private static final int START = 12;

    /** The vectors with which a row of a strip of the first factor is copied. */
    private static final VectorSpecies<Float> COVER =
        RegisterTile.ROWS <= Lanes.DOUBLE_COUNT ? Lanes.HALF_FLOATS : Lanes.FLOATS;

    private final int width;

    /** Floats that are copied of each row of a strip. */
    private final int covered;

    private float[] data = {};
    private int rows;
    private int columns;

    private ColumnStrips(int width, int covered) {
      this.width = width;
      this.covered = covered;
    }

    /** Makes strips of a product's first factor, of {@link RegisterTile#ROWS} columns. */
    public static ColumnStrips first() {
      return new ColumnStrips(RegisterTile.ROWS, COVER.length());
    }

    /** Makes strips of a product's second factor, of {@link RegisterTile#COLUMNS} columns. */
    public static ColumnStrips second() {
      return new ColumnStrips(RegisterTile.COLUMNS, RegisterTile.COLUMNS);
    }

    /** Makes room for so many rows of x; the content is undefined. */
    public void reshape(CpuTensor x, int count) {
      rows = count;
      columns = Math.ceilDiv(x.columns(), width) * width;
      data = RegisterTile.grown(data, 1, Math.addExact(START, Math.multiplyExact(rows, columns)));
    }

    /**
     * Copies a run of some columns, one row after the other, since a row's columns lie side by
     * side.
     *
     * @param from the row of x that comes first in the strips
     * @param column the first column, where a strip begins
     * @param columnEnd the column after the last one: where a strip begins, or the end of x
     */
    public void pack(CpuTensor x, int from, int run, int column, int columnEnd) {
      int depth = depth(run);
      int stride = x.columns();
      int at = x.at(from + run * RUN) + column;
      int to = at(run, column);
      // Vectors may go past a strip's row, into the next one that is written after it, but neither
      // past the strip, which may be another worker's, nor past the end of x.
      int whole = Math.max(0, depth - Math.ceilDiv(covered - width, width));
      int left = x.data().length - covered - (at + Math.max(0, whole - 1) * stride);
      int most = Math.min(columnEnd - column - width, left);
      int strips = most < 0 ? 0 : most / width + 1;
      if (width == RegisterTile.ROWS) {
        copyFirst(x.data(), at, stride, data, to, width * depth, whole, strips);
      } else {
        copySecond(x.data(), at, stride, data, to, width * depth, whole, strips);
      }
      for (int k = 0; k < depth; k++) {
        for (int c = k < whole ? strips * width : 0; c < columnEnd - column; c += width) {
          int count = Math.min(width, columnEnd - column - c);
          System.arraycopy(x.data(), at + k * stride + c, data, to + k * width + c * depth, count);
        }
      }
    }

    /**
     * Copies some rows' part of each strip, {@code step} elements apart. All rows in one method:
     * with a call for each row, some processes compiled it so that it took three times as long.
     */
    private static void copyFirst(
        float[] from, int at, int stride, float[] to, int toAt, int step, int rows, int strips) {
      for (int k = 0; k < rows; k++) {
        int row = at + k * stride;
        int place = toAt + k * RegisterTile.ROWS;
        for (int s = 0; s < strips; s++) {
          FloatVector.fromArray(COVER, from, row + s * RegisterTile.ROWS)
              .intoArray(to, place + s * step);
        }
      }
    }

    private static void copySecond(
        float[] from, int at, int stride, float[] to, int toAt, int step, int rows, int strips) {
      for (int k = 0; k < rows; k++) {
        int row = at + k * stride;
        int place = toAt + k * RegisterTile.COLUMNS;
        for (int s = 0; s < strips; s++) {
          for (int i = 0; i < RegisterTile.COLUMNS; i += Lanes.COUNT) {
            FloatVector.fromArray(Lanes.FLOATS, from, row + s * RegisterTile.COLUMNS + i)
                .intoArray(to, place + s * step + i);
          }
        }
      }
    }

    public float[] data() {
      return data;
    }

    public int runs() {
      return Math.ceilDiv(rows, RUN);
    }

    public int depth(int run) {
      return Math.min(RUN, rows - run * RUN);
    }

    /** Returns the offset of a run of the strip whose first column is {@code column}. */
    public int at(int run, int column) {
      return START + run * RUN * columns + column * depth(run);
    }
  }
}
