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
 * Expands values to vectors of 512 bits: where a bit is set a lane gets the next value, elsewhere
 * 0. Also adds up chains in the order that {@link SparseKernels} states.
 */
final class Expansion {
  static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_512;
  static final VectorSpecies<Integer> INTS = IntVector.SPECIES_512;
  static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_512;

  static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  /** A constant, since a vector that is made in a loop is more for the JIT to inline. */
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

  /** Expands 32 weights of 16 bits, two in a lane. Always reads 64 bytes. */
  static IntVector pairs(MemorySegment values, long at, long bits) {
    return ShortVector.fromMemorySegment(SHORTS, values, at, ORDER)
        .expand(VectorMask.fromLong(SHORTS, bits))
        .reinterpretAsInts();
  }

  /** Expands 32 weights as {@link #pairs} does, but reads no more values than there are bits. */
  static IntVector lastPairs(MemorySegment values, long at, long bits) {
    VectorMask<Short> there = VectorMask.fromLong(SHORTS, (1L << Long.bitCount(bits)) - 1);
    return ShortVector.fromMemorySegment(SHORTS, values, at, ORDER, there)
        .expand(VectorMask.fromLong(SHORTS, bits))
        .reinterpretAsInts();
  }

  /** Returns the BF16 in the lower halves of words as float32. */
  static FloatVector lowBfloats(IntVector pairs) {
    return pairs.lanewise(VectorOperators.LSHL, Short.SIZE).reinterpretAsFloats();
  }

  /** Returns the BF16 in the upper halves of words as float32. */
  static FloatVector highBfloats(IntVector pairs) {
    return pairs.and(UPPER_HALVES).reinterpretAsFloats();
  }

  private static VectorShuffle<Float> across(int distance) {
    return VectorShuffle.fromOp(FLOATS, lane -> lane ^ distance);
  }

  /**
   * Returns the sum of chains: the even ones are in the first half of a step, the odd ones in the
   * second.
   */
  static float alternate(float[] chains, int at) {
    FloatVector even = load(chains, at);
    FloatVector odd = load(chains, at + HALF);
    // Both halves are added at once: even chains in the lower lanes, odd ones in the upper lanes.
    FloatVector sums =
        even.blend(odd, UPPER).add(even.rearrange(BY_8).blend(odd.rearrange(BY_8), UPPER));
    sums = sums.add(sums.rearrange(BY_4));
    sums = sums.add(sums.rearrange(BY_2));
    sums = sums.add(sums.rearrange(BY_1));
    return sums.lane(0) + sums.lane(HALF / 2);
  }
}
