package io.github.wandacuda.forward.simd.tile;

import io.github.wandacuda.forward.reference.CpuForwardKernels;
import io.github.wandacuda.forward.reference.CpuTensor;
import io.github.wandacuda.forward.simd.blocks.PanelPacking;
import io.github.wandacuda.simd.Lanes;
import jdk.incubator.vector.FloatVector;

/**
 * Some rows of a matrix in the order in which {@link RegisterTile} reads either factor of a product
 * that sums over rows: by runs of rows, within a run by strips of columns, within a strip by rows.
 * The content of the columns that pad the last strip is undefined.
 */
public final class ColumnStrips {
  private static final int RUN = CpuForwardKernels.RUN;

  private final int width;

  /** Floats that are copied of each row of a strip: half a vector, or whole ones. */
  private final int covered;

  private float[] data = {};
  private int rows;
  private int columns;

  /**
   * Makes strips with no content.
   *
   * @param width columns of a strip: those of half a vector at most, or of whole ones
   */
  public ColumnStrips(int width) {
    this.width = width;
    covered = isNarrow() ? Lanes.DOUBLE_COUNT : Math.ceilDiv(width, Lanes.COUNT) * Lanes.COUNT;
  }

  /** Makes room for so many rows of x; the content is undefined. */
  public void reshape(CpuTensor x, int count) {
    rows = count;
    columns = Math.ceilDiv(x.columns(), width) * width;
    data = PanelPacking.grown(data, rows, columns);
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
    // Vectors may go past a strip's row, into the next one that is written after it, but not past
    // the strip, which may be another worker's.
    int whole = depth - Math.ceilDiv(covered - width, width);
    float[] source = x.data();
    for (int k = 0; k < depth; k++) {
      int at = x.at(from + run * RUN + k);
      int to = at(run, column) + k * width;
      int last = Math.min(columnEnd - width, source.length - at - covered);
      int strips = k < whole && column <= last ? (last - column) / width + 1 : 0;
      copyVectors(source, at + column, strips, data, to, width * depth);
      for (int c = column + strips * width; c < columnEnd; c += width) {
        int count = Math.min(width, columnEnd - c);
        System.arraycopy(source, at + c, data, to + (c - column) * depth, count);
      }
    }
  }

  private boolean isNarrow() {
    return width <= Lanes.DOUBLE_COUNT;
  }

  /** Copies a row's part of each strip, {@code step} elements apart. */
  private void copyVectors(float[] from, int at, int strips, float[] to, int toAt, int step) {
    for (int s = 0; s < strips; s++) {
      if (isNarrow()) {
        FloatVector.fromArray(Lanes.HALF_FLOATS, from, at + s * width)
            .intoArray(to, toAt + s * step);
      } else {
        copyWhole(from, at + s * width, to, toAt + s * step);
      }
    }
  }

  private void copyWhole(float[] from, int at, float[] to, int toAt) {
    for (int i = 0; i < covered; i += Lanes.COUNT) {
      FloatVector.fromArray(Lanes.FLOATS, from, at + i).intoArray(to, toAt + i);
    }
  }

  public float[] data() {
    return data;
  }

  /** Returns the number of runs. */
  public int runs() {
    return Math.ceilDiv(rows, RUN);
  }

  /** Returns the rows of a run. */
  public int depth(int run) {
    return Math.min(RUN, rows - run * RUN);
  }

  /** Returns the offset of a run of the strip whose first column is {@code column}. */
  public int at(int run, int column) {
    return run * RUN * columns + column * depth(run);
  }
}
