package io.github.wandacuda.simd;

import io.github.wandacuda.forward.PackedTriangle;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * A worker's block of the triangle of sums of products, stored tile by tile. It is read from the
 * triangle, gets the sums of all runs one after the other, and is written back. What it holds of
 * pairs below the diagonal is undefined.
 */
final class PairBlock {
  /**
   * A block's rows at most, the first columns of its pairs. The more they are, the fewer times the
   * block's columns come from memory.
   */
  static final int MOST_ROWS = 48 * RegisterTile.ROWS;

  /** A block's columns: 256 KB of a run. */
  static final int COLUMNS = 256;

  private static final int TILE = RegisterTile.ROWS * RegisterTile.COLUMNS;

  private static final ByteOrder ORDER = ByteOrder.nativeOrder();

  private final float[] tile = new float[TILE];
  private final double[] sums = new double[MOST_ROWS * COLUMNS];

  private Place place;

  /** Takes one piece of a row between the block and the triangle. */
  private interface Piece {
    void copy(int at, long triangleAt, int count);
  }

  /**
   * Where a block lies in the triangle; the ends are exclusive.
   *
   * @param columns of the triangle
   * @param row the block's first row, where a tile begins
   * @param rowEnd the row after the last one that has pairs on or above the diagonal
   */
  record Place(int columns, int row, int rowEnd, int column, int columnEnd) {
    /** Returns where a row of a tile begins whose first column is {@code c}. */
    int at(int r, int c) {
      return (c - column) * RegisterTile.wholeRows(rowEnd - row) + (r - row) * RegisterTile.COLUMNS;
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
      int half = c + RegisterTile.COLUMNS / 2;
      for (int r = place.row; r < rowEnd; r += RegisterTile.ROWS) {
        if (r < half) {
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
        } else {
          RegisterTile.multiplyRightHalf(
              left.data(), left.at(run, r), right.data(), right.at(run, c), depth, tile);
        }
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

  /** Adds one half of a vector. */
  private void add(FloatVector floats, int half, int at) {
    DoubleVector.fromArray(Lanes.DOUBLES, sums, at)
        .add(floats.convertShape(VectorOperators.F2D, Lanes.DOUBLES, half))
        .intoArray(sums, at);
  }
}
