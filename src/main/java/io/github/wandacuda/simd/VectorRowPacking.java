package io.github.wandacuda.simd;

import static io.github.wandacuda.system.LittleEndian.INT;
import static io.github.wandacuda.system.LittleEndian.LONG;
import static io.github.wandacuda.system.LittleEndian.SHORT;

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
 * Packs with the instructions that compress and expand vectors of 512 bits, and codes of 4 and 8
 * bits a word at a time. Elements behind the last whole vector of a row are packed as the
 * specification does. To be used only if {@link Lanes#COMPRESSES_SHORTS}.
 */
public final class VectorRowPacking implements RowPacking {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  private final RowPacking rest = new ScalarRowPacking();

  @Override
  public long count(MemorySegment row, int bits) {
    if (bits <= Byte.SIZE) {
      return CodePacking.count(row, bits);
    }
    long whole = row.byteSize() / SLACK * SLACK;
    long count = bits == Integer.SIZE ? countInts(row) : countShorts(row);
    return count + rest.count(row.asSlice(whole), bits);
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
  public int pack(MemorySegment row, int bits, MemorySegment mask, MemorySegment values) {
    if (bits <= Byte.SIZE) {
      return CodePacking.pack(row, bits, mask, values);
    }
    int kept = bits == Integer.SIZE ? packInts(row, mask, values) : packShorts(row, mask, values);
    long whole = row.byteSize() / SLACK * SLACK;
    MemorySegment valuesRest = values.asSlice((long) kept * bits / Byte.SIZE);
    return kept + rest.pack(row.asSlice(whole), bits, mask.asSlice(whole / bits), valuesRest);
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
  public void unpack(MemorySegment mask, MemorySegment values, int bits, MemorySegment row) {
    if (bits <= Byte.SIZE) {
      CodePacking.unpack(mask, values, bits, row);
      return;
    }
    long end =
        bits == Integer.SIZE ? unpackInts(mask, values, row) : unpackShorts(mask, values, row);
    long whole = row.byteSize() / SLACK * SLACK;
    rest.unpack(mask.asSlice(whole / bits), values.asSlice(end), bits, row.asSlice(whole));
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

  /** Codes of 4 and 8 bits, 64 bits at a time. */
  private static final class CodePacking {
    private static final int NIBBLE = 4;
    private static final long NIBBLES = 0x1111_1111_1111_1111L;
    private static final long BYTES = 0x0101_0101_0101_0101L;

    private CodePacking() {}

    static long count(MemorySegment row, int bits) {
      long count = 0;
      for (long at = 0; at < row.byteSize(); at += Long.BYTES) {
        count += Long.bitCount(kept(word(row, at), bits));
      }
      return Math.ceilDiv(count * bits, Byte.SIZE);
    }

    static int pack(MemorySegment row, int bits, MemorySegment mask, MemorySegment values) {
      long to = 0;
      for (long at = 0; at < row.byteSize(); at += Long.BYTES) {
        long word = word(row, at);
        long kept = kept(word, bits);
        put(mask, at / bits, Long.compress(kept, lowest(bits)), size(row, at, bits));
        long codes = Long.compress(word, kept * ((1 << bits) - 1));
        long place = to / Byte.SIZE;
        if (to % Byte.SIZE == 0) {
          values.set(LONG, place, codes);
        } else {
          int lower = values.get(ValueLayout.JAVA_BYTE, place) & 0xf;
          values.set(LONG, place, codes << NIBBLE | lower);
          values.set(ValueLayout.JAVA_BYTE, place + Long.BYTES, (byte) (codes >>> -NIBBLE));
        }
        to += (long) Long.bitCount(kept) * bits;
      }
      return (int) Math.ceilDiv(to, Byte.SIZE);
    }

    static void unpack(MemorySegment mask, MemorySegment values, int bits, MemorySegment row) {
      long from = 0;
      for (long at = 0; at < row.byteSize(); at += Long.BYTES) {
        long marks = get(mask, at / bits, size(row, at, bits));
        long kept = Long.expand(marks, lowest(bits));
        long place = from / Byte.SIZE;
        long codes = values.get(LONG, place);
        if (from % Byte.SIZE != 0) {
          long upper = values.get(ValueLayout.JAVA_BYTE, place + Long.BYTES);
          codes = codes >>> NIBBLE | upper << -NIBBLE;
        }
        long word = Long.expand(codes, kept * ((1 << bits) - 1));
        put(row, at, word, Math.min(Long.BYTES, row.byteSize() - at));
        from += (long) Long.bitCount(kept) * bits;
      }
    }

    private static long lowest(int bits) {
      return bits == NIBBLE ? NIBBLES : BYTES;
    }

    /** Returns the lowest bit of each code of a word that isn't 0. */
    private static long kept(long word, int bits) {
      long any = word;
      for (int shift = bits / 2; shift > 0; shift /= 2) {
        any |= any >>> shift;
      }
      return any & lowest(bits);
    }

    /** Returns the bytes of the mask of what a row has of a word. */
    private static long size(MemorySegment row, long at, int bits) {
      return Math.ceilDiv(Math.min(Long.BYTES, row.byteSize() - at), bits);
    }

    private static long word(MemorySegment row, long at) {
      return get(row, at, Math.min(Long.BYTES, row.byteSize() - at));
    }

    private static long get(MemorySegment from, long at, long bytes) {
      if (bytes == Long.BYTES) {
        return from.get(LONG, at);
      }
      long word = 0;
      for (int i = 0; i < bytes; i++) {
        word |= (from.get(ValueLayout.JAVA_BYTE, at + i) & 0xffL) << i * Byte.SIZE;
      }
      return word;
    }

    private static void put(MemorySegment to, long at, long word, long bytes) {
      if (bytes == Long.BYTES) {
        to.set(LONG, at, word);
        return;
      }
      for (int i = 0; i < bytes; i++) {
        to.set(ValueLayout.JAVA_BYTE, at + i, (byte) (word >>> i * Byte.SIZE));
      }
    }
  }
}
