package io.github.wandacuda.scalar;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Packing as plain loops: the specification that the vector code equals in every byte. An element
 * is moved whether it is kept or not, since a branch that is taken at random costs more.
 */
public final class ScalarRowPacking implements RowPacking {
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
  private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
  private static final int NIBBLE = 4;
  private static final int LOW = 0xf;

  @Override
  public long count(MemorySegment row, int bits) {
    int columns = columns(row, bits);
    long count = 0;
    for (int column = 0; column < columns; column++) {
      count += get(row, column, bits) != 0 ? 1 : 0;
    }
    return Math.ceilDiv(count, RowPacking.perValue(bits));
  }

  @Override
  public int pack(MemorySegment row, int bits, MemorySegment mask, MemorySegment values) {
    int columns = columns(row, bits);
    int at = 0;
    for (int from = 0; from < columns; from += Byte.SIZE) {
      int marks = 0;
      for (int column = from; column < Math.min(columns, from + Byte.SIZE); column++) {
        int element = get(row, column, bits);
        set(values, at, bits, element);
        int kept = element != 0 ? 1 : 0;
        at += kept;
        marks |= kept << (column - from);
      }
      mask.set(BYTE, from / Byte.SIZE, (byte) marks);
    }
    return Math.ceilDiv(at, RowPacking.perValue(bits));
  }

  @Override
  public void unpack(MemorySegment mask, MemorySegment values, int bits, MemorySegment row) {
    int columns = columns(row, bits);
    int at = 0;
    for (int column = 0; column < columns; column++) {
      int kept = mask.get(BYTE, column / Byte.SIZE) >> column % Byte.SIZE & 1;
      set(row, column, bits, get(values, at, bits) & -kept);
      at += kept;
    }
  }

  private static int columns(MemorySegment row, int bits) {
    return Math.toIntExact(row.byteSize() * Byte.SIZE / bits);
  }

  /** Returns an element's bits; a loop that calls this is compiled for each size by itself. */
  private static int get(MemorySegment memory, long index, int bits) {
    return switch (bits) {
      case Integer.SIZE -> memory.get(INT, index * Integer.BYTES);
      case Short.SIZE -> memory.get(SHORT, index * Short.BYTES);
      case Byte.SIZE -> memory.get(BYTE, index);
      default -> memory.get(BYTE, index / 2) >> index % 2 * NIBBLE & LOW;
    };
  }

  /** Sets an element; of two in a byte the lower one makes the upper one 0. */
  private static void set(MemorySegment memory, long index, int bits, int element) {
    switch (bits) {
      case Integer.SIZE -> memory.set(INT, index * Integer.BYTES, element);
      case Short.SIZE -> memory.set(SHORT, index * Short.BYTES, (short) element);
      case Byte.SIZE -> memory.set(BYTE, index, (byte) element);
      default -> {
        int lower = index % 2 == 0 ? 0 : memory.get(BYTE, index / 2) & LOW;
        memory.set(BYTE, index / 2, (byte) (lower | element << index % 2 * NIBBLE));
      }
    }
  }
}
