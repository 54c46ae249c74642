package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.load;

import io.github.wandacuda.SparseKernels;
import jdk.incubator.vector.FloatVector;

/** Products of a row of weights that was unpacked to float32, on vectors of any width. */
final class PanelSums {
  private static final int W = Lanes.COUNT;
  private static final int STEP = SparseKernels.CHAINS;

  private PanelSums() {}

  /**
   * Adds products in chains, as {@link SparseKernels} says.
   *
   * @param panel the weights, whole steps
   * @param x the activations, from {@code at} on, likewise
   * @param chains receives the 32 chains
   */
  static void chains(float[] panel, float[] x, int at, int steps, float[] chains) {
    for (int lane = 0; lane < STEP; lane += 2 * W) {
      FloatVector a = FloatVector.zero(Lanes.FLOATS);
      FloatVector b = FloatVector.zero(Lanes.FLOATS);
      int second = (lane + W) % STEP;
      for (int column = 0; column < steps * STEP; column += STEP) {
        a = load(panel, column + lane).fma(load(x, at + column + lane), a);
        b = load(panel, column + second).fma(load(x, at + column + second), b);
      }
      a.intoArray(chains, lane);
      b.intoArray(chains, second);
    }
  }
}
