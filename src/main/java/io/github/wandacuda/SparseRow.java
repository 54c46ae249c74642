package io.github.wandacuda;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** One row between its dense and its packed form, as bit patterns in Java arrays. */
final class SparseRow {
  private final DType dtype;
  private final int columns;

  /** The row's patterns in order, of which packing moves those that are stored to the front. */
  private final MemorySegment patterns;

  private final byte[] bits;

  SparseRow(DType dtype, int columns) {
    this.dtype = dtype;
    this.columns = columns;
    patterns = MemorySegment.ofArray(new long[(int) Math.ceilDiv(place(columns), Long.BYTES)]);
    bits = new byte[Math.ceilDiv(columns, Byte.SIZE)];
  }

  private long place(int column) {
    return (long) column * dtype.bytes();
  }

  private void read(WeightMatrix weight, int row) {
    if (columns > 0 && weight.hasDenseRows()) {
      long from = weight.byteOffset(row, 0);
      MemorySegment.copy(weight.data(), from, patterns, 0, place(columns));
      return;
    }
    for (int c = 0; c < columns; c++) {
      int pattern = dtype.bits(weight.data(), weight.byteOffset(row, c));
      dtype.setBits(patterns, place(c), pattern);
    }
  }

  /** Writes a dense row. */
  void write(WeightMatrix weight, int row) {
    if (columns > 0 && weight.hasDenseRows()) {
      writeValues(weight.data(), weight.byteOffset(row, 0), columns);
      return;
    }
    for (int c = 0; c < columns; c++) {
      int pattern = dtype.bits(patterns, place(c));
      dtype.setBits(weight.data(), weight.byteOffset(row, c), pattern);
    }
  }

  /**
   * Reads a dense row, moves the patterns that aren't +0.0 to the front, sets their bits and
   * returns their number.
   */
  int pack(WeightMatrix weight, int row) {
    read(weight, row);
    int count = 0;
    for (int b = 0; b < bits.length; b++) {
      int first = b * Byte.SIZE;
      int end = Math.min(columns, first + Byte.SIZE);
      int mask = 0;
      for (int c = first; c < end; c++) {
        int pattern = dtype.bits(patterns, place(c));
        dtype.setBits(patterns, place(count), pattern);
        int set = pattern == 0 ? 0 : 1;
        mask |= set << (c - first);
        count += set;
      }
      bits[b] = (byte) mask;
    }
    return count;
  }

  /** Writes the first patterns. */
  void writeValues(MemorySegment values, long at, int count) {
    MemorySegment.copy(patterns, 0, values, at, place(count));
  }

  /** Writes the bits of the last {@link #pack}. */
  void writeBits(MemorySegment bitmask, long at) {
    MemorySegment.copy(bits, 0, bitmask, ValueLayout.JAVA_BYTE, at, bits.length);
  }

  /** Reads the values and bits of a packed row, and puts +0.0 in all other columns. */
  void unpack(SparseMatrix matrix, int row) {
    long from = matrix.rowOffset(row);
    int count = (int) (matrix.rowOffset(row + 1) - from);
    MemorySegment.copy(matrix.values(), from * dtype.bytes(), patterns, 0, place(count));
    long mask = (long) row * bits.length;
    MemorySegment.copy(matrix.bitmask(), ValueLayout.JAVA_BYTE, mask, bits, 0, bits.length);
    int next = count;
    for (int c = columns - 1; c >= 0; c--) {
      int set = bits[c / Byte.SIZE] >>> (c % Byte.SIZE) & 1;
      next -= set;
      dtype.setBits(patterns, place(c), set == 0 ? 0 : dtype.bits(patterns, place(next)));
    }
  }
}
