package io.github.wandacuda.simd;

import io.github.wandacuda.SparseKernels;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;

/** Adds an output's chains in the order that {@link SparseKernels} states. */
final class ChainSums {
  private static final int HALF = SparseBuffers.HALF;
  private static final VectorShuffle<Float> BY_8 = across(8);
  private static final VectorShuffle<Float> BY_4 = across(4);
  private static final VectorShuffle<Float> BY_2 = across(2);
  private static final VectorShuffle<Float> BY_1 = across(1);
  private static final VectorMask<Float> UPPER = VectorMask.fromLong(Expansion.FLOATS, 0xff00);

  private ChainSums() {}

  private static VectorShuffle<Float> across(int distance) {
    return VectorShuffle.fromOp(Expansion.FLOATS, lane -> lane ^ distance);
  }

  /** Returns the sum of even chains, in the first half of a step, and odd ones, in the second. */
  static float alternate(float[] chains, int at) {
    FloatVector even = FloatVector.fromArray(Expansion.FLOATS, chains, at);
    FloatVector odd = FloatVector.fromArray(Expansion.FLOATS, chains, at + HALF);
    // Both sums at once: those of the even chains in the lower lanes, of the odd in the upper.
    FloatVector sums =
        even.blend(odd, UPPER).add(even.rearrange(BY_8).blend(odd.rearrange(BY_8), UPPER));
    sums = sums.add(sums.rearrange(BY_4));
    sums = sums.add(sums.rearrange(BY_2));
    sums = sums.add(sums.rearrange(BY_1));
    return sums.lane(0) + sums.lane(HALF / 2);
  }

  /** Returns the sum of chains that lie in order. */
  static float inOrder(float[] chains, int at) {
    FloatVector sums =
        FloatVector.fromArray(Expansion.FLOATS, chains, at)
            .add(FloatVector.fromArray(Expansion.FLOATS, chains, at + HALF));
    sums = sums.add(sums.rearrange(BY_8));
    sums = sums.add(sums.rearrange(BY_4));
    sums = sums.add(sums.rearrange(BY_2));
    sums = sums.add(sums.rearrange(BY_1));
    return sums.lane(0);
  }
}
