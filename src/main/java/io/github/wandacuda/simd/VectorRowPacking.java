package io.github.wandacuda.simd;

import static io.github.wandacuda.system.LittleEndian.INT;
import static io.github.wandacuda.system.LittleEndian.SHORT;

import io.github.wandacuda.scalar.RowPacking;
import io.github.wandacuda.scalar.ScalarRowPacking;
import java.lang.foreign.MemorySegment;
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
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

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
  public int pack(MemorySegment row, int elementBytes, MemorySegment mask, MemorySegment values) {
    int kept =
        elementBytes == Integer.BYTES ? packInts(row, mask, values) : packShorts(row, mask, values);
    long whole = row.byteSize() / SLACK * SLACK;
    MemorySegment maskRest = mask.asSlice(whole / elementBytes / Byte.SIZE);
    MemorySegment valuesRest = values.asSlice((long) kept * elementBytes);
    return kept + rest.pack(row.asSlice(whole), elementBytes, maskRest, valuesRest);
  }

  private static int packShorts(MemorySegment row, MemorySegment mask, MemorySegment values) {
    long to = 0;
    for (long at = 0; at <= row.byteSize() - SLACK; at += SLACK) {
      ShortVector vector = ShortVector.fromMemorySegment(Lanes.SHORTS, row, at, ORDER);
      VectorMask<Short> kept = vector.compare(VectorOperators.NE, (short) 0);
      int bits = (int) kept.toLong();
      mask.set(INT, at / (Short.BYTES * Byte.SIZE), bits);
      vector.compress(kept).intoMemorySegment(values, to, ORDER);
      to += (long) Integer.bitCount(bits) * Short.BYTES;
    }
    return (int) (to / Short.BYTES);
  }

  private static int packInts(MemorySegment row, MemorySegment mask, MemorySegment values) {
    long to = 0;
    for (long at = 0; at <= row.byteSize() - SLACK; at += SLACK) {
      IntVector vector = IntVector.fromMemorySegment(Lanes.INTS, row, at, ORDER);
      VectorMask<Integer> kept = vector.compare(VectorOperators.NE, 0);
      int bits = (int) kept.toLong();
      mask.set(SHORT, at / (Integer.BYTES * Byte.SIZE), (short) bits);
      vector.compress(kept).intoMemorySegment(values, to, ORDER);
      to += (long) Integer.bitCount(bits) * Integer.BYTES;
    }
    return (int) (to / Integer.BYTES);
  }

  @Override
  public void unpack(
      MemorySegment mask, MemorySegment values, int elementBytes, MemorySegment row) {
    long end =
        elementBytes == Integer.BYTES
            ? unpackInts(mask, values, row)
            : unpackShorts(mask, values, row);
    long whole = row.byteSize() / SLACK * SLACK;
    MemorySegment maskRest = mask.asSlice(whole / elementBytes / Byte.SIZE);
    rest.unpack(maskRest, values.asSlice(end), elementBytes, row.asSlice(whole));
  }

  private static long unpackShorts(MemorySegment mask, MemorySegment values, MemorySegment row) {
    long from = 0;
    for (long at = 0; at <= row.byteSize() - SLACK; at += SLACK) {
      int bits = mask.get(INT, at / (Short.BYTES * Byte.SIZE));
      ShortVector.fromMemorySegment(Lanes.SHORTS, values, from, ORDER)
          .expand(VectorMask.fromLong(Lanes.SHORTS, bits))
          .intoMemorySegment(row, at, ORDER);
      from += (long) Integer.bitCount(bits) * Short.BYTES;
    }
    return from;
  }

  private static long unpackInts(MemorySegment mask, MemorySegment values, MemorySegment row) {
    long from = 0;
    for (long at = 0; at <= row.byteSize() - SLACK; at += SLACK) {
      int bits = mask.get(SHORT, at / (Integer.BYTES * Byte.SIZE)) & 0xffff;
      IntVector.fromMemorySegment(Lanes.INTS, values, from, ORDER)
          .expand(VectorMask.fromLong(Lanes.INTS, bits))
          .intoMemorySegment(row, at, ORDER);
      from += (long) Integer.bitCount(bits) * Integer.BYTES;
    }
    return from;
  }
}
