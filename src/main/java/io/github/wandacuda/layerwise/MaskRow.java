package io.github.wandacuda.layerwise;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** One row of a packed mask: a bit a column, least significant first, 1 for a kept weight. */
final class MaskRow {
  private MaskRow() {}

  /** Returns the bytes of a mask of so many columns. */
  static long rowBytes(int columns) {
    return Math.ceilDiv((long) columns, Byte.SIZE);
  }

  /**
   * Checks a mask's size.
   *
   * @throws IllegalArgumentException if it is another
   */
  static void require(MemorySegment mask, int rows, int columns) {
    long needed = rows * rowBytes(columns);
    if (mask.byteSize() != needed) {
      throw new IllegalArgumentException(
          "mask of %d x %d: expected %d bytes, found %d"
              .formatted(rows, columns, needed, mask.byteSize()));
    }
  }

  /** Unpacks a row. */
  static void read(MemorySegment mask, int row, boolean[] kept) {
    long start = row * rowBytes(kept.length);
    for (int first = 0; first < kept.length; first += Byte.SIZE) {
      int bits = mask.get(ValueLayout.JAVA_BYTE, start + first / Byte.SIZE);
      for (int k = first; k < Math.min(kept.length, first + Byte.SIZE); k++) {
        kept[k] = (bits >>> (k - first) & 1) != 0;
      }
    }
  }

  /** Packs a row; the bits that fill its last byte become 0. */
  static void write(boolean[] kept, MemorySegment mask, int row) {
    long start = row * rowBytes(kept.length);
    for (int first = 0; first < kept.length; first += Byte.SIZE) {
      int bits = 0;
      for (int k = first; k < Math.min(kept.length, first + Byte.SIZE); k++) {
        bits |= kept[k] ? 1 << (k - first) : 0;
      }
      mask.set(ValueLayout.JAVA_BYTE, start + first / Byte.SIZE, (byte) bits);
    }
  }
}
