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
      boolean kept =
          elementBytes == Integer.BYTES ? elements.get(INT, at) != 0 : elements.get(SHORT, at) != 0;
      count += kept ? 1 : 0;
    }
    return count;
  }

  @Override
  public int pack(
      MemorySegment row,
      long rowAt,
      int columns,
      int elementBytes,
      MemorySegment mask,
      long maskAt,
      MemorySegment values,
      long valuesAt) {
    return elementBytes == Integer.BYTES
        ? packInts(row, rowAt, columns, mask, maskAt, values, valuesAt)
        : packShorts(row, rowAt, columns, mask, maskAt, values, valuesAt);
  }

  private static int packShorts(
      MemorySegment row,
      long rowAt,
      int columns,
      MemorySegment mask,
      long maskAt,
      MemorySegment values,
      long valuesAt) {
    long at = valuesAt;
    for (int from = 0; from < columns; from += Byte.SIZE) {
      int bits = 0;
      for (int column = from; column < Math.min(columns, from + Byte.SIZE); column++) {
        short element = row.get(SHORT, rowAt + (long) column * Short.BYTES);
        values.set(SHORT, at, element);
        int kept = element != 0 ? 1 : 0;
        at += (long) kept * Short.BYTES;
        bits |= kept << (column - from);
      }
      mask.set(ValueLayout.JAVA_BYTE, maskAt + from / Byte.SIZE, (byte) bits);
    }
    return (int) ((at - valuesAt) / Short.BYTES);
  }

  private static int packInts(
      MemorySegment row,
      long rowAt,
      int columns,
      MemorySegment mask,
      long maskAt,
      MemorySegment values,
      long valuesAt) {
    long at = valuesAt;
    for (int from = 0; from < columns; from += Byte.SIZE) {
      int bits = 0;
      for (int column = from; column < Math.min(columns, from + Byte.SIZE); column++) {
        int element = row.get(INT, rowAt + (long) column * Integer.BYTES);
        values.set(INT, at, element);
        int kept = element != 0 ? 1 : 0;
        at += (long) kept * Integer.BYTES;
        bits |= kept << (column - from);
      }
      mask.set(ValueLayout.JAVA_BYTE, maskAt + from / Byte.SIZE, (byte) bits);
    }
    return (int) ((at - valuesAt) / Integer.BYTES);
  }

  @Override
  public void unpack(
      MemorySegment mask,
      long maskAt,
      MemorySegment values,
      long valuesAt,
      int columns,
      int elementBytes,
      MemorySegment row,
      long rowAt) {
    if (elementBytes == Integer.BYTES) {
      unpackInts(mask, maskAt, values, valuesAt, columns, row, rowAt);
    } else {
      unpackShorts(mask, maskAt, values, valuesAt, columns, row, rowAt);
    }
  }

  private static void unpackShorts(
      MemorySegment mask,
      long maskAt,
      MemorySegment values,
      long valuesAt,
      int columns,
      MemorySegment row,
      long rowAt) {
    long at = valuesAt;
    for (int column = 0; column < columns; column++) {
      int kept = bit(mask, maskAt, column);
      short value = values.get(SHORT, at);
      row.set(SHORT, rowAt + (long) column * Short.BYTES, (short) (value & -kept));
      at += (long) kept * Short.BYTES;
    }
  }

  private static void unpackInts(
      MemorySegment mask,
      long maskAt,
      MemorySegment values,
      long valuesAt,
      int columns,
      MemorySegment row,
      long rowAt) {
    long at = valuesAt;
    for (int column = 0; column < columns; column++) {
      int kept = bit(mask, maskAt, column);
      row.set(INT, rowAt + (long) column * Integer.BYTES, values.get(INT, at) & -kept);
      at += (long) kept * Integer.BYTES;
    }
  }

  private static int bit(MemorySegment mask, long maskAt, int column) {
    return mask.get(ValueLayout.JAVA_BYTE, maskAt + column / Byte.SIZE) >> column % Byte.SIZE & 1;
  }
}
