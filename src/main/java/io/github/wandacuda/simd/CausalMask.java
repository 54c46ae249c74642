package io.github.wandacuda.simd;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/** Which of a vector of consecutive queries see a key. */
final class CausalMask {
  private static final FloatVector INDEX = (FloatVector) Lanes.FLOATS.broadcast(0).addIndex(1);

  private CausalMask() {}

  /**
   * Returns the lanes whose query, {@code first} plus the lane, is {@code key} or later, but less
   * than a window later.
   *
   * @param window {@link Integer#MAX_VALUE} for no window
   */
  static VectorMask<Float> seeing(int first, int key, int window) {
    VectorMask<Float> causal = INDEX.compare(VectorOperators.GE, (float) (key - first));
    return window == Integer.MAX_VALUE ? causal : causal.and(before(first, (long) key + window));
  }

  /** Returns the lanes whose query is before {@code query}. */
  static VectorMask<Float> before(int first, long query) {
    return INDEX.compare(VectorOperators.LT, (float) (query - first));
  }
}
