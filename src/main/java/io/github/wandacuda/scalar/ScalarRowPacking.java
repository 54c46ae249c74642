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

  @Override
  public long count(MemorySegment elements, int elementBytes) {
    long count = 0;
    for (long at = 0; at < elements.byteSize(); at += elementBytes) {
      count += get(elements, at, elementBytes) != 0 ? 1 : 0;
    }
    return count;
  }

  @Override
  public int pack(MemorySegment row, int elementBytes, MemorySegment mask, MemorySegment values) {
    int columns = columns(row, elementBytes);
    long at = 0;
    for (int from = 0; from < columns; from += Byte.SIZE) {
      int bits = 0;
      for (int column = from; column < Math.min(columns, from + Byte.SIZE); column++) {
        int element = get(row, (long) column * elementBytes, elementBytes);
        set(values, at, elementBytes, element);
        int kept = element != 0 ? 1 : 0;
        at += (long) kept * elementBytes;
        bits |= kept << (column - from);
      }
      mask.set(ValueLayout.JAVA_BYTE, from / Byte.SIZE, (byte) bits);
    }
    return (int) (at / elementBytes);
  }

  @Override
  public void unpack(
      MemorySegment mask, MemorySegment values, int elementBytes, MemorySegment row) {
    int columns = columns(row, elementBytes);
    long at = 0;
    for (int column = 0; column < columns; column++) {
      int kept = mask.get(ValueLayout.JAVA_BYTE, column / Byte.SIZE) >> column % Byte.SIZE & 1;
      int value = get(values, at, elementBytes);
      set(row, (long) column * elementBytes, elementBytes, value & -kept);
      at += (long) kept * elementBytes;
    }
  }

  private static int columns(MemorySegment row, int elementBytes) {
    return Math.toIntExact(row.byteSize() / elementBytes);
  }

  /** Returns an element's bits; a loop that calls this is compiled for each size by itself. */
  private static int get(MemorySegment memory, long at, int bytes) {
    return bytes == Integer.BYTES ? memory.get(INT, at) : memory.get(SHORT, at);
  }

  private static void set(MemorySegment memory, long at, int bytes, int element) {
    if (bytes == Integer.BYTES) {
      memory.set(INT, at, element);
    } else {
      memory.set(SHORT, at, (short) element);
    }
  }
}
