package io.github.wandacuda.forward.simd.sparse;

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

  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final int UPPER = 0xffff_0000;

  /** Bits by which an F16's exponent is shorter than that of a float32. */
  private static final int SHORTER_EXPONENT = 3;

  /** Where an F16 of the upper half lies once it is moved to the fraction of a float32. */
  private static final int MOVED = 0x8fff_e000;

  /** 2^112, by which the exponents' biases differ; it makes subnormals normal too. */
  private static final float BIAS = 0x1p112f;

  /** What infinity becomes so; whatever isn't less in magnitude isn't finite. */
  private static final float INFINITE = 0x1p16f;

  private static final int EXPONENT = 0x7f80_0000;

  private Expansion() {}

  /** Returns 32 weights of 16 bits as pairs, of which 64 bytes are read. */
  static IntVector pairs(MemorySegment values, long at, long bits) {
    return ShortVector.fromMemorySegment(SHORTS, values, at, ORDER)
        .expand(VectorMask.fromLong(SHORTS, bits))
        .reinterpretAsInts();
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

  /** Returns the F16 in the lower halves. */
  static FloatVector lowHalves(IntVector pairs) {
    return highHalves(pairs.lanewise(VectorOperators.LSHL, Short.SIZE));
  }

  /** Returns the F16 in the upper halves. */
  static FloatVector highHalves(IntVector pairs) {
    FloatVector wide =
        pairs
            .lanewise(VectorOperators.ASHR, SHORTER_EXPONENT)
            .and(MOVED)
            .reinterpretAsFloats()
            .mul(BIAS);
    VectorMask<Integer> infinite =
        wide.abs().compare(VectorOperators.GE, INFINITE).cast(INTS);
    return wide.reinterpretAsInts()
        .lanewise(VectorOperators.OR, EXPONENT, infinite)
        .reinterpretAsFloats();
  }
}
