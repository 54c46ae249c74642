package io.github.wandacuda.select.gpu;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Sets to +0.0 in host memory what a packed mask prunes, several elements at a time. */
final class HostZeros {
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** By a mask's next bits, the bits of eight bytes of elements that stay. */
  private static final long[] OF_SHORTS = table(Short.BYTES);

  private static final long[] OF_INTS = table(Integer.BYTES);

  private HostZeros() {}

  private static long[] table(int bytes) {
    int elements = Long.BYTES / bytes;
    long whole = -1L >>> (Long.SIZE - bytes * Byte.SIZE);
    long[] table = new long[1 << elements];
    for (int bits = 0; bits < table.length; bits++) {
      for (int element = 0; element < elements; element++) {
        if ((bits >>> element & 1) != 0) {
          table[bits] |= whole << element * bytes * Byte.SIZE;
        }
      }
    }
    return table;
  }

  /**
   * Clears the pruned elements.
   *
   * @param mask as {@link io.github.wandacuda.select.SelectionPlan#select} packs it
   */
  static void clear(WeightMatrix rows, MemorySegment mask) {
    long maskRowBytes = Selector.maskRowBytes(rows.columns());
    for (int row = 0; row < rows.rows(); row++) {
      int from = rows.hasDenseRows() ? clearTogether(rows, row, mask, row * maskRowBytes) : 0;
      for (int column = from; column < rows.columns(); column++) {
        int bits = mask.get(ValueLayout.JAVA_BYTE, row * maskRowBytes + column / Byte.SIZE);
        if ((bits >>> column % Byte.SIZE & 1) == 0) {
          clear(rows, row, column);
        }
      }
    }
  }

  /** Clears a row by eight bytes and returns how many columns that were. */
  private static int clearTogether(WeightMatrix rows, int row, MemorySegment mask, long maskAt) {
    MemorySegment data = rows.data();
    long at = rows.byteOffset(row, 0);
    int bytes = rows.dtype().bytes();
    long[] table = bytes == Short.BYTES ? OF_SHORTS : OF_INTS;
    int together = Long.BYTES / bytes;
    int columns = rows.columns() / Byte.SIZE * Byte.SIZE;
    for (int column = 0; column < columns; column += Byte.SIZE) {
      int bits = mask.get(ValueLayout.JAVA_BYTE, maskAt + column / Byte.SIZE);
      for (int done = 0; done < Byte.SIZE; done += together) {
        long place = at + (long) (column + done) * bytes;
        data.set(LONG, place, data.get(LONG, place) & table[bits >>> done & table.length - 1]);
      }
    }
    return columns;
  }

  private static void clear(WeightMatrix rows, int row, int column) {
    long place = rows.byteOffset(row, column);
    if (rows.dtype().bytes() == Short.BYTES) {
      rows.data().set(ValueLayout.JAVA_SHORT_UNALIGNED, place, (short) 0);
    } else {
      rows.data().set(ValueLayout.JAVA_INT_UNALIGNED, place, 0);
    }
  }
}
