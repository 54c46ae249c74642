package io.github.wandacuda;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** The sizes of a {@link SparseMatrix}, and what its offsets and bits have to be. */
record SparseShape(int rows, int columns) {
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  SparseShape {
    if (rows < 0 || columns < 0) {
      throw new IllegalArgumentException(
          "shape: expected sizes of at least 0, found %d x %d".formatted(rows, columns));
    }
  }

  /** Returns the bytes of a row's bits. */
  long rowBytes() {
    return Math.ceilDiv((long) columns, Byte.SIZE);
  }

  /**
   * Checks that offsets rise from 0, by the columns at most.
   *
   * @param offsets of the rows, and the number of values
   * @throws IllegalArgumentException naming the first row where they don't
   */
  void requireOffsets(long[] offsets) {
    if (rows == 0 && offsets[0] != 0) {
      throw new IllegalArgumentException("values: expected none of no rows, found " + offsets[0]);
    }
    if (offsets[0] != 0) {
      throw new IllegalArgumentException("row offsets: expected 0 for row 0, found " + offsets[0]);
    }
    for (int row = 0; row < rows; row++) {
      long start = offsets[row];
      long end = offsets[row + 1];
      if (end < start || end - start > columns) {
        throw new IllegalArgumentException(
            "row offsets: expected 0 to %d values in row %d, found them from %d to %d"
                .formatted(columns, row, start, end));
      }
    }
  }

  /**
   * Checks that each row has as many bits as values, and none beyond its columns.
   *
   * @throws IllegalArgumentException naming the first row of which this isn't so
   */
  void requireBits(MemorySegment bitmask, long[] offsets) {
    for (int row = 0; row < rows; row++) {
      long found = count(bitmask, row);
      long expected = offsets[row + 1] - offsets[row];
      if (found != expected) {
        throw new IllegalArgumentException(
            "bitmask: expected %d bits in row %d, which has as many values, found %d"
                .formatted(expected, row, found));
      }
      if (hasBitsBeyond(bitmask, row)) {
        throw new IllegalArgumentException(
            "bitmask: expected no bit beyond column %d in row %d, found one"
                .formatted(columns - 1, row));
      }
    }
  }

  private long count(MemorySegment bitmask, int row) {
    long at = row * rowBytes();
    long end = at + rowBytes();
    long count = 0;
    for (; at + Long.BYTES <= end; at += Long.BYTES) {
      count += Long.bitCount(bitmask.get(LONG, at));
    }
    for (; at < end; at++) {
      count += Integer.bitCount(bitmask.get(ValueLayout.JAVA_BYTE, at) & 0xff);
    }
    return count;
  }

  private boolean hasBitsBeyond(MemorySegment bitmask, int row) {
    int used = columns % Byte.SIZE;
    if (used == 0) {
      return false;
    }
    return (bitmask.get(ValueLayout.JAVA_BYTE, (row + 1) * rowBytes() - 1) & 0xff) >>> used != 0;
  }
}
