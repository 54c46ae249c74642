package io.github.wandacuda.forward.simd;

import io.github.wandacuda.forward.reference.CpuForwardKernels;
import io.github.wandacuda.forward.reference.CpuTensor;
import io.github.wandacuda.forward.simd.blocks.PanelPacking;
import io.github.wandacuda.simd.Lanes;
import io.github.wandacuda.system.WorkerPool;
import jdk.incubator.vector.FloatVector;

/**
 * Some rows of a matrix in the order in which {@link RegisterTile} reads either factor of a product
 * that sums over rows: by runs of rows, within a run by strips of columns, within a strip by rows.
 * The content of the columns that pad the last strip is undefined.
 */
final class ColumnStrips {
  private static final int RUN = CpuForwardKernels.RUN;

  /** Columns of a task, about: their part of a row is a few cache lines. */
  private static final int COLUMNS_PER_TASK = 256;

  private final int width;
  private float[] data = {};
  private int rows;
  private int columns;

  /**
   * Makes strips with no content.
   *
   * @param width columns of a strip
   */
  ColumnStrips(int width) {
    this.width = width;
  }

  /** Copies {@code count} rows of {@code x} from row {@code from} on. */
  void pack(CpuTensor x, int from, int count, WorkerPool workers) {
    rows = count;
    columns = Math.ceilDiv(x.columns(), width) * width;
    data = PanelPacking.grown(data, rows, columns);
    int stripsPerTask = Math.ceilDiv(COLUMNS_PER_TASK, width);
    workers.runRanges(
        columns / width,
        stripsPerTask,
        (worker, strip, end) -> {
          for (int run = 0; run < runs(); run++) {
            for (int s = strip; s < end; s++) {
              packStrip(x, from + run * RUN, depth(run), s * width, at(run, s * width));
            }
          }
        });
  }

  private void packStrip(CpuTensor x, int from, int depth, int column, int to) {
    int count = Math.min(width, x.columns() - column);
    int covered = Math.ceilDiv(width, Lanes.COUNT) * Lanes.COUNT;
    // Vectors may go past a strip's row, into the next one that is written after it, but not past
    // the strip, which may be another worker's.
    int whole = count < width ? 0 : depth - Math.ceilDiv(covered - width, width);
    float[] source = x.data();
    for (int k = 0; k < depth; k++) {
      int at = x.at(from + k) + column;
      if (k < whole && at + covered <= source.length) {
        copyVectors(source, at, covered, to + k * width);
      } else {
        System.arraycopy(source, at, data, to + k * width, count);
      }
    }
  }

  private void copyVectors(float[] source, int at, int count, int to) {
    for (int i = 0; i < count; i += Lanes.COUNT) {
      FloatVector.fromArray(Lanes.FLOATS, source, at + i).intoArray(data, to + i);
    }
  }

  float[] data() {
    return data;
  }

  /** Returns the number of runs. */
  int runs() {
    return Math.ceilDiv(rows, RUN);
  }

  /** Returns the rows of a run. */
  int depth(int run) {
    return Math.min(RUN, rows - run * RUN);
  }

  /** Returns the offset of a run of the strip whose first column is {@code column}. */
  int at(int run, int column) {
    return run * RUN * columns + column * depth(run);
  }
}
