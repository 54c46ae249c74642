package io.github.wandacuda.simd;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Vectors of 512 bits whose lanes are the next values where a bit is set, and 0 elsewhere. */
final class Expansion {
  static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_512;
  static final VectorSpecies<Integer> INTS = IntVector.SPECIES_512;
  static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_512;

  static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final IntVector UPPER = constant(0xffff_0000);

  private Expansion() {}

  /**
   * Returns a vector that kernels use as it is: one made in a loop is more for the JIT to inline.
   */
  private static IntVector constant(int value) {
    return IntVector.broadcast(INTS, value);
  }

  /** Returns 32 weights of 16 bits as pairs, of which 64 bytes are read. */
  static IntVector pairs(MemorySegment values, long at, long bits) {
    return halves(values, at, bits).reinterpretAsInts();
  }

  /** Returns 32 weights of 16 bits, of which 64 bytes are read. */
  static ShortVector halves(MemorySegment values, long at, long bits) {
    return ShortVector.fromMemorySegment(SHORTS, values, at, ORDER)
        .expand(VectorMask.fromLong(SHORTS, bits));
  }

  /** Returns the same, of which no more is read than there are bits. */
  static IntVector lastPairs(MemorySegment values, long at, long bits) {
    VectorMask<Short> there = VectorMask.fromLong(SHORTS, (1L << Long.bitCount(bits)) - 1);
    return ShortVector.fromMemorySegment(SHORTS, values, at, ORDER, there)
        .expand(VectorMask.fromLong(SHORTS, bits))
        .reinterpretAsInts();
  }

  /** Returns 16 weights of float32, of which 64 bytes are read. */
  static FloatVector floats(MemorySegment values, long at, long bits) {
    return IntVector.fromMemorySegment(INTS, values, at, ORDER)
        .expand(VectorMask.fromLong(INTS, bits))
        .reinterpretAsFloats();
  }

  /** Returns the same, of which no more is read than there are bits. */
  static FloatVector lastFloats(MemorySegment values, long at, long bits) {
    VectorMask<Integer> there = VectorMask.fromLong(INTS, (1L << Long.bitCount(bits)) - 1);
    return IntVector.fromMemorySegment(INTS, values, at, ORDER, there)
        .expand(VectorMask.fromLong(INTS, bits))
        .reinterpretAsFloats();
  }

  /** Returns the BF16 in the lower halves. */
  static FloatVector lowBfloats(IntVector pairs) {
    return pairs.lanewise(VectorOperators.LSHL, Short.SIZE).reinterpretAsFloats();
  }

  /** Returns the BF16 in the upper halves. */
  static FloatVector highBfloats(IntVector pairs) {
    return pairs.and(UPPER).reinterpretAsFloats();
  }
}
