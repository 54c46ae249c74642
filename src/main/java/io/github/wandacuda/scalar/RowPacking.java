package io.github.wandacuda.scalar;

import java.lang.foreign.MemorySegment;

/**
 * Turns a row of elements into a bitmask and the elements that it keeps, and back. An element has
 * 4, 8, 16 or 32 bits, and is kept unless all of them are 0: +0.0 goes, -0.0 and NaN stay. Bit c %
 * 8 of the mask's byte c / 8 belongs to column c; the bits behind the last column are 0. Two codes
 * of 4 bits make a value, the first one in its lower half; the upper half of a row's last value may
 * be unused and 0. No alignment is required. Safe for use by several threads.
 */
public interface RowPacking {
  /**
   * Bytes that must be writable behind the last value that is packed, and readable behind the last
   * one that is unpacked, since vectors reach beyond it.
   */
  int SLACK = 64;

  /** Returns the length of a row's mask in bytes. */
  static long maskBytes(long columns) {
    return Math.ceilDiv(columns, Byte.SIZE);
  }

  /** Returns how many elements a value holds: 1, or 2 codes of 4 bits. */
  static int perValue(int bits) {
    return Math.max(1, Byte.SIZE / bits);
  }

  /** Returns the bytes of a value. */
  static int valueBytes(int bits) {
    return bits * perValue(bits) / Byte.SIZE;
  }

  /**
   * Counts the values of a row's elements that are kept.
   *
   * @param row its elements and nothing else
   * @param bits of an element
   * @return how many values are kept; a value of two codes is kept if either is
   */
  long count(MemorySegment row, int bits);

  /**
   * Packs a row.
   *
   * @param row its elements and nothing else
   * @param bits of an element
   * @param mask receives {@link #maskBytes} bytes
   * @param values receives the kept elements, and anything in the {@link #SLACK} behind them
   * @return how many values they are
   */
  int pack(MemorySegment row, int bits, MemorySegment mask, MemorySegment values);

  /**
   * Unpacks a row; the opposite of {@link #pack}. The mask must have no bit behind the last column,
   * and as many values as it has bits must be there.
   *
   * @param mask {@link #maskBytes} bytes
   * @param values the kept elements, readable up to {@link #SLACK} bytes behind them
   * @param bits of an element
   * @param row receives the elements, as many as it has room for
   */
  void unpack(MemorySegment mask, MemorySegment values, int bits, MemorySegment row);
}
