package io.github.wandacuda.simd;

import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Some rows of a matrix in the order in which {@link RegisterTile} reads either factor of a product
 * that sums over rows: by runs of rows, within a run by strips of columns, within a strip by rows.
 * The content of the columns that pad the last strip is undefined.
 */
final class ColumnStrips {
  private static final int RUN = CpuForwardKernels.RUN;

  /**
   * Elements before the first strip. The elements of a large array begin 16 bytes after a multiple
   * of 64 where the JVM's objects have headers of 16 bytes, and a vector that crosses two cache
   * lines is loaded twice: without these, products took an eighth longer (Emerald Rapids).
   */
  private static final int START = 12;

  /** What a row of a strip of the first factor is copied with. */
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
   * Copies a run of some columns, one row after the other, since a row's columns lie side by side.
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
   * Copies some rows' part of each strip, {@code step} elements apart. All rows in one method: with
   * a call for each row, some processes compiled it so that it took three times as long.
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
