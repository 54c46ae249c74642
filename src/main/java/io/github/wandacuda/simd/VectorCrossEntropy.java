package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.load;

import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Exponential;
import io.github.wandacuda.scalar.LaneSum;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Cross-entropy on vectors. Sixteen partial sums ({@link LaneSum}) stay in an array, which suits
 * vectors of any width; the elements after the last whole sixteen are added one by one.
 */
final class VectorCrossEntropy {
  private static final int LANES = LaneSum.LANES;

  private VectorCrossEntropy() {}

  /** See {@link CpuForwardKernels#crossEntropy}. */
  static double crossEntropy(CpuTensor logits, int row, int target) {
    float[] data = logits.data();
    int at = logits.at(row);
    float max = max(data, at, logits.columns());
    float sum = sumOfExponentials(data, at, logits.columns(), max);
    return Math.log(sum) + ((double) max - data[at + target]);
  }

  /** Returns the greatest element; NaN is passed over. */
  private static float max(float[] x, int at, int count) {
    FloatVector max = FloatVector.broadcast(Lanes.FLOATS, Float.NEGATIVE_INFINITY);
    int whole = Lanes.FLOATS.loopBound(count);
    for (int c = 0; c < whole; c += Lanes.COUNT) {
      FloatVector value = load(x, at + c);
      max = max.blend(value, value.compare(VectorOperators.GT, max));
    }
    float greatest = max.reduceLanes(VectorOperators.MAX);
    for (int c = whole; c < count; c++) {
      greatest = x[at + c] > greatest ? x[at + c] : greatest;
    }
    return greatest;
  }

  /** Returns the sum of exp(x - max). */
  private static float sumOfExponentials(float[] x, int at, int count, float max) {
    float[] lanes = new float[LANES];
    int whole = count - count % LANES;
    for (int c = 0; c < whole; c += LANES) {
      for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
        FloatVector p = VectorExponential.exp(load(x, at + c + lane).sub(max));
        load(lanes, lane).add(p).intoArray(lanes, lane);
      }
    }
    for (int c = whole; c < count; c++) {
      lanes[c - whole] += Exponential.exp(x[at + c] - max);
    }
    return LaneSum.combine(lanes);
  }
}
