package io.github.wandacuda.checkpoint;

import static io.github.wandacuda.system.LittleEndian.LONG;

import io.github.wandacuda.io.Malformed;
import io.github.wandacuda.scalar.RowPacking;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Checks that the offsets, bits and values of some rows agree, so that nothing is read or written
 * beyond its memory.
 *
 * @param module the packed weight
 * @param first the first row
 * @param count how many rows
 */
record PackedRowCheck(PackedModule module, int first, int count) {
  /**
   * Checks that offsets rise from 0 to the number of values, by the columns at most.
   *
   * @param offsets of the rows, and where the last one ends
   * @throws io.github.wandacuda.error.InputException naming the first row where they don't
   */
  void requireOffsets(MemorySegment offsets) {
    if (first == 0 && offsets.get(LONG, 0) != 0) {
      throw wrongOffset("0 for row 0", String.valueOf(offsets.get(LONG, 0)));
    }
    for (int row = 0; row < count; row++) {
      long from = offset(offsets, row);
      long to = offset(offsets, row + 1);
      if (from < 0 || from > module.count()) {
        throw wrongOffset(
            "row %d to begin at a value from 0 to %d".formatted(first + row, module.count()),
            String.valueOf(from));
      }
      // Not their difference, which may overflow.
      if (to < from || to > module.count() || to - from > module.columns()) {
        throw wrongOffset(
            "row %d, at %d, to end at a value from there to %d"
                .formatted(first + row, from, Math.min(module.count(), from + module.columns())),
            String.valueOf(to));
      }
    }
  }

  /**
   * Checks that each row has as many bits as values, and none behind its last column.
   *
   * @param offsets checked
   * @throws io.github.wandacuda.error.InputException naming the first row of which this isn't so
   */
  void requireBits(MemorySegment offsets, MemorySegment bits) {
    long rowBytes = RowPacking.maskBytes(module.columns());
    for (int row = 0; row < count; row++) {
      requireNoneBeyond(bits, row, rowBytes);
      long expected = offset(offsets, row + 1) - offset(offsets, row);
      long found = ones(bits, row * rowBytes, (row + 1) * rowBytes);
      if (found != expected) {
        throw Malformed.tensor(
            module.file().path(),
            module.bitmask().name(),
            "%d bits in row %d, which has as many values".formatted(expected, first + row),
            String.valueOf(found));
      }
    }
  }

  private void requireNoneBeyond(MemorySegment bits, int row, long rowBytes) {
    int used = module.columns() % Byte.SIZE;
    if (used == 0) {
      return;
    }
    int last = bits.get(ValueLayout.JAVA_BYTE, (row + 1) * rowBytes - 1) & 0xff;
    if (last >>> used != 0) {
      throw Malformed.tensor(
          module.file().path(),
          module.bitmask().name(),
          "no bit behind the last of %d columns in row %d".formatted(module.columns(), first + row),
          "0x%02x as the row's last byte".formatted(last));
    }
  }

  private static long ones(MemorySegment bits, long from, long to) {
    long count = 0;
    long at = from;
    for (; at <= to - Long.BYTES; at += Long.BYTES) {
      count += Long.bitCount(bits.get(LONG, at));
    }
    for (; at < to; at++) {
      count += Integer.bitCount(bits.get(ValueLayout.JAVA_BYTE, at) & 0xff);
    }
    return count;
  }

  private static long offset(MemorySegment offsets, int row) {
    return offsets.get(LONG, (long) row * Long.BYTES);
  }

  private RuntimeException wrongOffset(String expected, String found) {
    return Malformed.tensor(module.file().path(), module.rowOffsets().name(), expected, found);
  }
}
