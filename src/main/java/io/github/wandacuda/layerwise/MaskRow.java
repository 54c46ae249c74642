package io.github.wandacuda.layerwise;

import io.github.wandacuda.select.Selector;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** One row of a packed mask: a bit a column, least significant first, 1 for a kept weight. */
public final class MaskRow {
  private MaskRow() {}

  /**
   * Checks a mask's size.
   *
   * @throws IllegalArgumentException if it is another
   */
  static void require(MemorySegment mask, int rows, int columns) {
    long needed = rows * Selector.maskRowBytes(columns);
    if (mask.byteSize() != needed) {
      throw new IllegalArgumentException(
          "mask of %d x %d: expected %d bytes, found %d"
              .formatted(rows, columns, needed, mask.byteSize()));
    }
  }

  /**
   * Unpacks a row.
   *
   * @param mask of all rows
   * @param kept takes whether each column is kept
   */
  public static void read(MemorySegment mask, int row, boolean[] kept) {
    long start = row * Selector.maskRowBytes(kept.length);
    for (int first = 0; first < kept.length; first += Byte.SIZE) {
      int bits = mask.get(ValueLayout.JAVA_BYTE, start + first / Byte.SIZE);
      for (int k = first; k < Math.min(kept.length, first + Byte.SIZE); k++) {
        kept[k] = (bits >>> (k - first) & 1) != 0;
      }
    }
  }

  /** Packs a row; the bits that fill its last byte become 0. */
  public static void write(boolean[] kept, MemorySegment mask, int row) {
    long start = row * Selector.maskRowBytes(kept.length);
    for (int first = 0; first < kept.length; first += Byte.SIZE) {
      int bits = 0;
      for (int k = first; k < Math.min(kept.length, first + Byte.SIZE); k++) {
        bits |= kept[k] ? 1 << (k - first) : 0;
      }
      mask.set(ValueLayout.JAVA_BYTE, start + first / Byte.SIZE, (byte) bits);
    }
  }
}
