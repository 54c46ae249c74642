package io.github.wandacuda.backend.cpu.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/** Which of a vector of consecutive queries see a key. */
final class Causal {
  private static final FloatVector INDEX = (FloatVector) Lanes.FLOATS.broadcast(0).addIndex(1);

  private Causal() {}

  /** Returns the lanes whose query, {@code first} plus the lane, is {@code key} or later. */
  static VectorMask<Float> seeing(int first, int key) {
    return INDEX.compare(VectorOperators.GE, (float) (key - first));
  }
}
