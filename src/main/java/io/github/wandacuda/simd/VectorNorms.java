package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.load;

import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.LaneSum;
import jdk.incubator.vector.FloatVector;

/**
 * RMSNorm and LayerNorm on vectors. Sixteen partial sums ({@link LaneSum}) stay in an array, which
 * suits vectors of any width; the elements after the last whole sixteen are added one by one.
 */
final class VectorNorms {
  private static final int LANES = LaneSum.LANES;

  private VectorNorms() {}

  /** See {@link CpuForwardKernels#rmsNorm}. */
  static void rmsNorm(CpuTensor x, CpuTensor gain, float epsilon, CpuTensor out, int from, int to) {
    for (int row = from; row < to; row++) {
      normalize(x, 0f, gain, null, epsilon, out, row);
    }
  }

  /** See {@link CpuForwardKernels#layerNorm}. */
  static void layerNorm(
      CpuTensor x, CpuTensor gain, CpuTensor bias, float epsilon, CpuTensor out, int from, int to) {
    for (int row = from; row < to; row++) {
      float mean = sum(x.data(), x.at(row), x.columns()) / x.columns();
      normalize(x, mean, gain, bias, epsilon, out, row);
    }
  }

  private static void normalize(
      CpuTensor x,
      float mean,
      CpuTensor gain,
      CpuTensor bias,
      float epsilon,
      CpuTensor out,
      int row) {
    float variance = sumOfSquares(x.data(), x.at(row), x.columns(), mean) / x.columns();
    normalize(
        x.data(),
        x.at(row),
        mean,
        1f / (float) Math.sqrt(variance + epsilon),
        gain.data(),
        gain.at(0),
        bias == null ? null : bias.data(),
        bias == null ? 0 : bias.at(0),
        x.columns(),
        out.data(),
        out.at(row));
  }

  private static void normalize(
      float[] x,
      int xAt,
      float mean,
      float factor,
      float[] gain,
      int gainAt,
      float[] bias,
      int biasAt,
      int columns,
      float[] out,
      int outAt) {
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
}
