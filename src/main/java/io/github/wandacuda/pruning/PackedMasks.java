package io.github.wandacuda.pruning;

import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Bits of packed masks. */
final class PackedMasks {
  private PackedMasks() {}

  /** Returns the first row whose last byte has a bit set that is no column's, or -1. */
  static int firstWrongPadding(LinearModule module, MemorySegment mask) {
    int used = module.columns() % Byte.SIZE;
    if (used == 0) {
      return -1;
    }
    long rowBytes = Selector.maskRowBytes(module.columns());
    for (int row = 0; row < module.rows(); row++) {
      int last = mask.get(ValueLayout.JAVA_BYTE, (row + 1) * rowBytes - 1) & 0xff;
      if (last >>> used != 0) {
        return row;
      }
    }
    return -1;
  }

  /**
   * Turns the bits of a weight's elements in the order in which they are stored, most significant
   * bit first, into a packed mask.
   */
  static void unpackFlat(byte[] flat, LinearModule module, MemorySegment mask) {
    int rows = module.rows();
    int columns = module.columns();
    if (!module.transposed() && columns % Byte.SIZE == 0) {
      for (int at = 0; at < flat.length; at++) {
        mask.set(ValueLayout.JAVA_BYTE, at, (byte) (Integer.reverse(flat[at]) >>> 24));
      }
      return;
    }
    long rowBytes = Selector.maskRowBytes(columns);
    for (int row = 0; row < rows; row++) {
      for (int first = 0; first < columns; first += Byte.SIZE) {
        int bits = 0;
        for (int column = first; column < Math.min(columns, first + Byte.SIZE); column++) {
          long index =
              module.transposed() ? (long) column * rows + row : (long) row * columns + column;
          int bit = flat[(int) (index / Byte.SIZE)] >>> (7 - (int) (index % Byte.SIZE)) & 1;
          bits |= bit << (column - first);
        }
        mask.set(ValueLayout.JAVA_BYTE, row * rowBytes + first / Byte.SIZE, (byte) bits);
      }
    }
  }
}
