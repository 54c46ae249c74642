package io.github.wandacuda.simd;

import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.LaneSum;
import jdk.incubator.vector.FloatVector;

/**
 * LayerNorm on vectors. Sixteen partial sums ({@link LaneSum}) stay in an array, which suits
 * vectors of any width; the elements after the last whole sixteen are added one by one.
 */
final class VectorLayerNorm {
  private static final int LANES = LaneSum.LANES;

  private VectorLayerNorm() {}

  /** See {@link CpuForwardKernels#layerNorm}. */
  static void layerNorm(
      CpuTensor x, CpuTensor gain, CpuTensor bias, float epsilon, CpuTensor out, int from, int to) {
    for (int row = from; row < to; row++) {
      row(
          x.data(),
          x.at(row),
          gain.data(),
          gain.at(0),
          bias == null ? null : bias.data(),
          bias == null ? 0 : bias.at(0),
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
      float[] bias,
      int biasAt,
      float epsilon,
      int columns,
      float[] out,
      int outAt) {
    float mean = sum(x, xAt, columns) / columns;
    float variance = sumOfSquares(x, xAt, columns, mean) / columns;
    float factor = 1f / (float) Math.sqrt(variance + epsilon);
    int whole = Lanes.FLOATS.loopBound(columns);
    for (int c = 0; c < whole; c += Lanes.COUNT) {
      FloatVector normal = load(x, xAt + c).sub(mean).mul(factor);
      FloatVector gained = normal.mul(load(gain, gainAt + c));
      (bias == null ? gained : gained.add(load(bias, biasAt + c))).intoArray(out, outAt + c);
    }
    for (int c = whole; c < columns; c++) {
      float normal = (x[xAt + c] - mean) * factor;
      float gained = normal * gain[gainAt + c];
      out[outAt + c] = bias == null ? gained : gained + bias[biasAt + c];
    }
  }

  private static float sum(float[] x, int at, int count) {
    float[] lanes = new float[LANES];
    int whole = count - count % LANES;
    for (int c = 0; c < whole; c += LANES) {
      for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
        load(lanes, lane).add(load(x, at + c + lane)).intoArray(lanes, lane);
      }
    }
    for (int c = whole; c < count; c++) {
      lanes[c - whole] += x[at + c];
    }
    return LaneSum.combine(lanes);
  }

  /** Returns the sum of (x - mean)^2. */
  private static float sumOfSquares(float[] x, int at, int count, float mean) {
    float[] lanes = new float[LANES];
    int whole = count - count % LANES;
    for (int c = 0; c < whole; c += LANES) {
      for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
        FloatVector difference = load(x, at + c + lane).sub(mean);
        load(lanes, lane).add(difference.mul(difference)).intoArray(lanes, lane);
      }
    }
    for (int c = whole; c < count; c++) {
      float difference = x[at + c] - mean;
      lanes[c - whole] += difference * difference;
    }
    return LaneSum.combine(lanes);
  }

  private static FloatVector load(float[] array, int at) {
    return FloatVector.fromArray(Lanes.FLOATS, array, at);
  }
}
