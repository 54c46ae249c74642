package io.github.wandacuda.simd;

import io.github.wandacuda.scalar.ColumnBlock;
import io.github.wandacuda.scalar.SparseGptKernels;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** SparseGPT within a block of columns, two vectors of rows at a time. */
public final class VectorSparseGpt implements SparseGptKernels {
  private static final VectorSpecies<Float> F = Lanes.FLOATS;
  private static final int W = Lanes.COUNT;

  @Override
  public void keys(float[] rows, int count, ColumnBlock block, int[] keys, int at) {
    float[] squares = new float[block.stride()];
    Arrays.fill(squares, 1);
    for (int c = 0; c < block.width(); c++) {
      squares[c] = block.diagonalSquare(c);
    }
    int whole = F.loopBound(block.width());
    for (int row = 0; row < count; row++) {
      int from = row * block.stride();
      int to = at + row * block.width();
      for (int c = 0; c < whole; c += W) {
        FloatVector square = FloatVector.fromArray(F, squares, c);
        RowColumns.key(FloatVector.fromArray(F, rows, from + c), square).intoArray(keys, to + c);
      }
      for (int c = whole; c < block.width(); c++) {
        float score = rows[from + c] * rows[from + c] / squares[c];
        keys[to + c] = Float.floatToRawIntBits(score) & Integer.MAX_VALUE;
      }
    }
  }

  @Override
  public void pruneAtMost(
      int threshold, float[] rows, int count, ColumnBlock block, float[] changes, long[] kept) {
    RowColumns columns = new RowColumns(block);
    for (int row = 0; row < count; row += RowColumns.ROWS) {
      columns.read(rows, row);
      columns.markAtMost(threshold);
      for (int from = 0; from < block.width(); from += RowColumns.STRIP) {
        columns.take(from, Math.min(block.width(), from + RowColumns.STRIP));
      }
      columns.write(rows, changes, kept, row, Math.min(count, row + RowColumns.ROWS));
    }
  }

  @Override
  public void pruneGroups(
      int pruned,
      int size,
      float[] rows,
      int count,
      ColumnBlock block,
      float[] changes,
      long[] kept) {
    RowColumns columns = new RowColumns(block);
    int[] keys = new int[size * RowColumns.ROWS];
    for (int row = 0; row < count; row += RowColumns.ROWS) {
      columns.read(rows, row);
      for (int from = 0; from < block.width(); from += size) {
        columns.update(from, from + size);
        columns.markLowest(pruned, from, size, keys);
        columns.takeUpdated(from, from + size);
      }
      columns.write(rows, changes, kept, row, Math.min(count, row + RowColumns.ROWS));
    }
  }
}
