package io.github.wandacuda;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** One row between its dense and its packed form, as bit patterns in Java arrays. */
final class SparseRow {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final int columns;

  /** The row's patterns in order, of which packing moves those that are stored to the front. */
  private final int[] words;

  private final short[] halves;
  private final byte[] bits;

  SparseRow(DType dtype, int columns) {
    this.columns = columns;
    words = new int[dtype == DType.F32 ? columns : 0];
    halves = new short[dtype == DType.F32 ? 0 : columns];
    bits = new byte[Math.ceilDiv(columns, Byte.SIZE)];
  }

  /** Reads a dense row. */
  void read(WeightMatrix weight, int row) {
    if (columns == 0) {
      return;
    }
    long at = weight.byteOffset(row, 0);
    long step = weight.columnStride() * weight.dtype().bytes();
    MemorySegment data = weight.data();
    if (weight.dtype() == DType.F32) {
      if (weight.hasDenseRows()) {
        MemorySegment.copy(data, INT, at, words, 0, columns);
        return;
      }
      for (int c = 0; c < columns; c++) {
        words[c] = data.get(INT, at + c * step);
      }
      return;
    }
    if (weight.hasDenseRows()) {
      MemorySegment.copy(data, SHORT, at, halves, 0, columns);
      return;
    }
    for (int c = 0; c < columns; c++) {
      halves[c] = data.get(SHORT, at + c * step);
    }
  }

  /** Moves the patterns that aren't +0.0 to the front, sets their bits and returns their number. */
  int pack() {
    int count = 0;
    for (int b = 0; b < bits.length; b++) {
      int first = b * Byte.SIZE;
      int end = Math.min(columns, first + Byte.SIZE);
      int mask = 0;
      for (int c = first; c < end; c++) {
        int set = moveTo(count, c);
        mask |= set << (c - first);
        count += set;
      }
      bits[b] = (byte) mask;
    }
    return count;
  }

  /** Copies a pattern to where the next stored one goes; returns 1 if it is to stay there. */
  private int moveTo(int to, int column) {
    int pattern;
    if (words.length > 0) {
      pattern = words[column];
      words[to] = pattern;
    } else {
      pattern = halves[column];
      halves[to] = (short) pattern;
    }
    return pattern == 0 ? 0 : 1;
  }

  /** Writes the first patterns. */
  void writeValues(MemorySegment values, long at, int count) {
    if (words.length > 0) {
      MemorySegment.copy(words, 0, values, INT, at, count);
    } else {
      MemorySegment.copy(halves, 0, values, SHORT, at, count);
    }
  }

  /** Writes the bits of the last {@link #pack}. */
  void writeBits(MemorySegment bitmask, long at) {
    MemorySegment.copy(bits, 0, bitmask, ValueLayout.JAVA_BYTE, at, bits.length);
  }

  /** Reads the values of a packed row to the front, and its bits. */
  void readPacked(SparseMatrix matrix, int row) {
    long from = matrix.rowOffset(row);
    int count = (int) (matrix.rowOffset(row + 1) - from);
    long at = from * matrix.dtype().bytes();
    if (words.length > 0) {
      MemorySegment.copy(matrix.values(), INT, at, words, 0, count);
    } else {
      MemorySegment.copy(matrix.values(), SHORT, at, halves, 0, count);
    }
    long mask = (long) row * bits.length;
    MemorySegment.copy(matrix.bitmask(), ValueLayout.JAVA_BYTE, mask, bits, 0, bits.length);
  }

  /**
   * Moves values from the front to their columns, and +0.0 to the others.
   *
   * @param count the values
   */
  void unpack(int count) {
    int next = count;
    for (int c = columns - 1; c >= 0; c--) {
      int set = bits[c / Byte.SIZE] >>> (c % Byte.SIZE) & 1;
      next -= set;
      if (words.length > 0) {
        words[c] = set == 0 ? 0 : words[next];
      } else {
        halves[c] = set == 0 ? 0 : halves[next];
      }
    }
  }

  /** Writes a dense row. */
  void write(WeightMatrix weight, int row) {
    if (columns == 0) {
      return;
    }
    long at = weight.byteOffset(row, 0);
    if (weight.hasDenseRows()) {
      writeValues(weight.data(), at, columns);
      return;
    }
    long step = weight.columnStride() * weight.dtype().bytes();
    for (int c = 0; c < columns; c++) {
      if (words.length > 0) {
        weight.data().set(INT, at + c * step, words[c]);
      } else {
        weight.data().set(SHORT, at + c * step, halves[c]);
      }
    }
  }
}
