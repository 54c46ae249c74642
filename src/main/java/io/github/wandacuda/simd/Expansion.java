package io.github.wandacuda.simd;

import io.github.wandacuda.SparseKernels;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * Vectors of 512 bits whose lanes are the next values where a bit is set, and 0 elsewhere; and the
 * sums of the chains that are made with them, in the order that {@link SparseKernels} states.
 */
final class Expansion {
  static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_512;
  static final VectorSpecies<Integer> INTS = IntVector.SPECIES_512;
  static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_512;

  static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  /** Kernels use it as it is: a vector made in a loop is more for the JIT to inline. */
  private static final IntVector UPPER_HALVES = IntVector.broadcast(INTS, 0xffff_0000);

  /** Floats of a vector. */
  private static final int HALF = FLOATS.length();

  private static final VectorShuffle<Float> BY_8 = across(8);
  private static final VectorShuffle<Float> BY_4 = across(4);
  private static final VectorShuffle<Float> BY_2 = across(2);
  private static final VectorShuffle<Float> BY_1 = across(1);
  private static final VectorMask<Float> UPPER = VectorMask.fromLong(FLOATS, 0xff00);

  private Expansion() {}

  static FloatVector load(float[] array, int at) {
    return FloatVector.fromArray(FLOATS, array, at);
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

  /** Returns the BF16 in the lower halves. */
  static FloatVector lowBfloats(IntVector pairs) {
    return pairs.lanewise(VectorOperators.LSHL, Short.SIZE).reinterpretAsFloats();
  }

  /** Returns the BF16 in the upper halves. */
  static FloatVector highBfloats(IntVector pairs) {
    return pairs.and(UPPER_HALVES).reinterpretAsFloats();
  }

  private static VectorShuffle<Float> across(int distance) {
    return VectorShuffle.fromOp(FLOATS, lane -> lane ^ distance);
  }

  /** Returns the sum of even chains, in the first half of a step, and odd ones, in the second. */
  static float alternate(float[] chains, int at) {
    FloatVector even = load(chains, at);
    FloatVector odd = load(chains, at + HALF);
    // Both sums at once: those of the even chains in the lower lanes, of the odd in the upper.
    FloatVector sums =
        even.blend(odd, UPPER).add(even.rearrange(BY_8).blend(odd.rearrange(BY_8), UPPER));
    sums = sums.add(sums.rearrange(BY_4));
    sums = sums.add(sums.rearrange(BY_2));
    sums = sums.add(sums.rearrange(BY_1));
    return sums.lane(0) + sums.lane(HALF / 2);
  }
}
