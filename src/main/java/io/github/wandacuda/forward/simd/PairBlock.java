package io.github.wandacuda.forward.simd;

import io.github.wandacuda.forward.PackedTriangle;
import io.github.wandacuda.forward.simd.tile.ColumnStrips;
import io.github.wandacuda.forward.simd.tile.RegisterTile;
import io.github.wandacuda.simd.Lanes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * A worker's block of the triangle of sums of products, stored tile by tile. It is read from the
 * triangle, gets the sums of all runs one after the other, and is written back. What it holds of
 * pairs below the diagonal is undefined.
 */
final class PairBlock {
  /** A block's rows, the first columns of its pairs: those of a pass of {@link VectorLinear}. */
  static final int ROWS = 24 * RegisterTile.ROWS;

  /** A block's columns: 256 KB of a run. */
  static final int COLUMNS = 256;

  private static final int TILE = RegisterTile.ROWS * RegisterTile.COLUMNS;

  private final float[] tile = new float[TILE];
  private final double[] sums = new double[ROWS * COLUMNS];

  private int row;
  private int column;

  /** The triangle's column after the block's last one. */
  private int end;

  /** Takes one piece of a row between the block and the triangle. */
  private interface Piece {
    void copy(int at, long triangleAt, int count);
  }

  /**
   * Adds all runs to the sums of a block.
   *
   * @param firstRow the block's first row
   * @param firstColumn its first column
   * @param columns of the triangle
   * @param triangle doubles in the order of {@link PackedTriangle}
   */
  void add(
      ColumnStrips left,
      ColumnStrips right,
      int firstRow,
      int firstColumn,
      int columns,
      MemorySegment triangle) {
    row = firstRow;
    column = firstColumn;
    end = Math.min(columns, firstColumn + COLUMNS);
    ValueLayout.OfDouble layout = ValueLayout.JAVA_DOUBLE;
    pieces(
        columns,
        (at, from, count) ->
            MemorySegment.copy(triangle, layout, from * Double.BYTES, sums, at, count));
    for (int run = 0; run < left.runs(); run++) {
      multiply(left, right, run);
    }
    pieces(
        columns,
        (at, to, count) ->
            MemorySegment.copy(sums, at, triangle, layout, to * Double.BYTES, count));
  }

  /** Goes through all rows of all tiles, as far as they lie on or above the diagonal. */
  private void pieces(int columns, Piece piece) {
    for (int c = column; c < end; c += RegisterTile.COLUMNS) {
      int tileEnd = Math.min(end, c + RegisterTile.COLUMNS);
      int rowEnd = Math.min(row + ROWS, tileEnd);
      for (int r = row; r < rowEnd; r++) {
        int from = Math.max(c, r);
        int at = at(c) + (r - row) * RegisterTile.COLUMNS + from - c;
        piece.copy(at, PackedTriangle.rowStart(columns, r) + from - r, tileEnd - from);
      }
    }
  }

  /** Returns where the tiles of a column begin. */
  private int at(int c) {
    return (c - column) * ROWS;
  }

  private void multiply(ColumnStrips left, ColumnStrips right, int run) {
    int depth = left.depth(run);
    for (int c = column; c < end; c += RegisterTile.COLUMNS) {
      int rowEnd = Math.min(row + ROWS, Math.min(end, c + RegisterTile.COLUMNS));
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
        addTile(at(c) + (r - row) * RegisterTile.COLUMNS);
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

  /** Adds one half of a vector. */
  private void add(FloatVector floats, int half, int at) {
    DoubleVector.fromArray(Lanes.DOUBLES, sums, at)
        .add(floats.convertShape(VectorOperators.F2D, Lanes.DOUBLES, half))
        .intoArray(sums, at);
  }
}
