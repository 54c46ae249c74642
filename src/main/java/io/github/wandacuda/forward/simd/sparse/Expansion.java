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
  private static final IntVector UPPER = constant(0xffff_0000);

  /** Bits by which an F16's exponent is shorter than that of a float32. */
  private static final int SHORTER_EXPONENT = 3;

  /** Where an F16 of the upper half lies once it is moved to the fraction of a float32. */
  private static final IntVector MOVED = constant(0x8fff_e000);

  /** 2^112, by which the exponents' biases differ; it makes subnormals normal too. */
  private static final FloatVector BIAS = FloatVector.broadcast(FLOATS, 0x1p112f);

  /** The bits of 2^16, which infinity becomes so; what isn't less in magnitude isn't finite. */
  private static final int INFINITE = 0x4780_0000;

  private static final IntVector MAGNITUDES = constant(0x7fff_7fff);
  private static final int SIGNS = 0x8000_8000;

  /** What carries an F16's exponent of all ones over into its sign. */
  private static final IntVector RAISE = constant(0x0400_0400);

  private static final int EXPONENT = 0x7f80_0000;

  private Expansion() {}

  /** Returns a vector that kernels use as it is: one made in a loop is more for the JIT to inline. */
  private static IntVector constant(int value) {
    return IntVector.broadcast(INTS, value);
  }

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

  /** Returns the F16 in the lower halves, which are finite. */
  static FloatVector lowHalves(IntVector pairs) {
    return highHalves(pairs.lanewise(VectorOperators.LSHL, Short.SIZE));
  }

  /** Returns the F16 in the upper halves, which are finite. */
  static FloatVector highHalves(IntVector pairs) {
    return pairs
        .lanewise(VectorOperators.ASHR, SHORTER_EXPONENT)
        .and(MOVED)
        .reinterpretAsFloats()
        .mul(BIAS);
  }

  /** Returns pairs whose halves have the highest bit set where those of {@code pairs} aren't finite. */
  static IntVector raised(IntVector pairs) {
    return pairs.and(MAGNITUDES).add(RAISE);
  }

  /** Returns whether no highest bit was set in any of the pairs that were or-ed. */
  static boolean areFinite(IntVector raised) {
    return raised.and(SIGNS).reduceLanes(VectorOperators.OR) == 0;
  }

  /** Returns any F16 in the lower halves. */
  static FloatVector lowAnyHalves(IntVector pairs) {
    return highAnyHalves(pairs.lanewise(VectorOperators.LSHL, Short.SIZE));
  }

  /** Returns any F16 in the upper halves. */
  static FloatVector highAnyHalves(IntVector pairs) {
    IntVector wide = highHalves(pairs).reinterpretAsInts();
    VectorMask<Integer> infinite =
        wide.and(Integer.MAX_VALUE).compare(VectorOperators.GE, INFINITE);
    return wide.lanewise(VectorOperators.OR, EXPONENT, infinite).reinterpretAsFloats();
  }
}
