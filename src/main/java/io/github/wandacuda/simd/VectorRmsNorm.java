package io.github.wandacuda.simd;

import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.LaneSum;
import jdk.incubator.vector.FloatVector;

/**
 * RMSNorm on vectors. Sixteen partial sums ({@link LaneSum}) stay in an array, which suits vectors
 * of any width; the elements after the last whole sixteen are added one by one.
 */
final class VectorRmsNorm {
  private static final int LANES = LaneSum.LANES;

  private VectorRmsNorm() {}

  /** See {@link CpuForwardKernels#rmsNorm}. */
  static void rmsNorm(CpuTensor x, CpuTensor gain, float epsilon, CpuTensor out, int from, int to) {
    for (int row = from; row < to; row++) {
      row(
          x.data(),
          x.at(row),
          gain.data(),
          gain.at(0),
          epsilon,
          x.columns(),
          out.data(),
          out.at(row));
    }
  }

  private static void row(
      float[] x,
      int xAt,
      float[] gain,
      int gainAt,
      float epsilon,
      int columns,
      float[] out,
      int outAt) {
    float mean = sumOfSquares(x, xAt, columns) / columns;
    float factor = 1f / (float) Math.sqrt(mean + epsilon);
    int whole = Lanes.FLOATS.loopBound(columns);
    for (int c = 0; c < whole; c += Lanes.COUNT) {
      load(x, xAt + c).mul(factor).mul(load(gain, gainAt + c)).intoArray(out, outAt + c);
    }
    for (int c = whole; c < columns; c++) {
      float normal = x[xAt + c] * factor;
      out[outAt + c] = normal * gain[gainAt + c];
    }
  }

  private static float sumOfSquares(float[] x, int at, int count) {
    float[] lanes = new float[LANES];
    int whole = count - count % LANES;
    for (int c = 0; c < whole; c += LANES) {
      for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
        FloatVector value = load(x, at + c + lane);
        load(lanes, lane).add(value.mul(value)).intoArray(lanes, lane);
      }
    }
    for (int c = whole; c < count; c++) {
      lanes[c - whole] += x[at + c] * x[at + c];
    }
    return LaneSum.combine(lanes);
  }

  private static FloatVector load(float[] array, int at) {
    return FloatVector.fromArray(Lanes.FLOATS, array, at);
  }
}
