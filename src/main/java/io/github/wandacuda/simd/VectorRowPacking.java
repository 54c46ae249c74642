package io.github.wandacuda.simd;

import io.github.wandacuda.scalar.RowPacking;
import io.github.wandacuda.scalar.ScalarRowPacking;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Packing by the instructions that compress and expand vectors of 512 bits. What a row has beyond
 * its last whole vector is packed as the specification does. To be used only where {@link
 * Lanes#COMPRESSES_SHORTS}.
 */
public final class VectorRowPacking implements RowPacking {
  private static final ValueLayout.OfInt BITS =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort HALF_BITS =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  /** Elements of a vector. */
  private static final int SHORTS = 32;

  private static final int INTS = 16;

  private final RowPacking rest = new ScalarRowPacking();

  @Override
  public long count(MemorySegment elements, int elementBytes) {
    long whole = elements.byteSize() / SLACK * SLACK;
    long count = elementBytes == Integer.BYTES ? countInts(elements) : countShorts(elements);
    return count + rest.count(elements.asSlice(whole), elementBytes);
  }

  private static long countShorts(MemorySegment elements) {
    long count = 0;
    for (long at = 0; at <= elements.byteSize() - SLACK; at += SLACK) {
      ShortVector vector = ShortVector.fromMemorySegment(Lanes.SHORTS, elements, at, ORDER);
      count += vector.compare(VectorOperators.NE, (short) 0).trueCount();
    }
    return count;
  }

  private static long countInts(MemorySegment elements) {
    long count = 0;
    for (long at = 0; at <= elements.byteSize() - SLACK; at += SLACK) {
      IntVector vector = IntVector.fromMemorySegment(Lanes.INTS, elements, at, ORDER);
      count += vector.compare(VectorOperators.NE, 0).trueCount();
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
    int whole = columns / (SLACK / elementBytes) * (SLACK / elementBytes);
    int kept =
        elementBytes == Integer.BYTES
            ? packInts(row, rowAt, whole, mask, maskAt, values, valuesAt)
            : packShorts(row, rowAt, whole, mask, maskAt, values, valuesAt);
    return kept
        + rest.pack(
            row,
            rowAt + (long) whole * elementBytes,
            columns - whole,
            elementBytes,
            mask,
            maskAt + whole / Byte.SIZE,
            values,
            valuesAt + (long) kept * elementBytes);
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
    for (int column = 0; column < columns; column += SHORTS) {
      ShortVector vector =
          ShortVector.fromMemorySegment(
              Lanes.SHORTS, row, rowAt + (long) column * Short.BYTES, ORDER);
      VectorMask<Short> kept = vector.compare(VectorOperators.NE, (short) 0);
      int bits = (int) kept.toLong();
      mask.set(BITS, maskAt + column / Byte.SIZE, bits);
      vector.compress(kept).intoMemorySegment(values, at, ORDER);
      at += (long) Integer.bitCount(bits) * Short.BYTES;
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
    for (int column = 0; column < columns; column += INTS) {
      IntVector vector =
          IntVector.fromMemorySegment(
              Lanes.INTS, row, rowAt + (long) column * Integer.BYTES, ORDER);
      VectorMask<Integer> kept = vector.compare(VectorOperators.NE, 0);
      int bits = (int) kept.toLong();
      mask.set(HALF_BITS, maskAt + column / Byte.SIZE, (short) bits);
      vector.compress(kept).intoMemorySegment(values, at, ORDER);
      at += (long) Integer.bitCount(bits) * Integer.BYTES;
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
    int whole = columns / (SLACK / elementBytes) * (SLACK / elementBytes);
    long end =
        elementBytes == Integer.BYTES
            ? unpackInts(mask, maskAt, values, valuesAt, whole, row, rowAt)
            : unpackShorts(mask, maskAt, values, valuesAt, whole, row, rowAt);
    rest.unpack(
        mask,
        maskAt + whole / Byte.SIZE,
        values,
        end,
        columns - whole,
        elementBytes,
        row,
        rowAt + (long) whole * elementBytes);
  }

  private static long unpackShorts(
      MemorySegment mask,
      long maskAt,
      MemorySegment values,
      long valuesAt,
      int columns,
      MemorySegment row,
      long rowAt) {
    long at = valuesAt;
    for (int column = 0; column < columns; column += SHORTS) {
      int bits = mask.get(BITS, maskAt + column / Byte.SIZE);
      ShortVector.fromMemorySegment(Lanes.SHORTS, values, at, ORDER)
          .expand(VectorMask.fromLong(Lanes.SHORTS, bits))
          .intoMemorySegment(row, rowAt + (long) column * Short.BYTES, ORDER);
      at += (long) Integer.bitCount(bits) * Short.BYTES;
    }
    return at;
  }

  private static long unpackInts(
      MemorySegment mask,
      long maskAt,
      MemorySegment values,
      long valuesAt,
      int columns,
      MemorySegment row,
      long rowAt) {
    long at = valuesAt;
    for (int column = 0; column < columns; column += INTS) {
      int bits = mask.get(HALF_BITS, maskAt + column / Byte.SIZE) & 0xffff;
      IntVector.fromMemorySegment(Lanes.INTS, values, at, ORDER)
          .expand(VectorMask.fromLong(Lanes.INTS, bits))
          .intoMemorySegment(row, rowAt + (long) column * Integer.BYTES, ORDER);
      at += (long) Integer.bitCount(bits) * Integer.BYTES;
    }
    return at;
  }
}
