package io.github.wandacuda.backend.cpu.vector;

import io.github.wandacuda.backend.cpu.Exponential;
import io.github.wandacuda.backend.cpu.LaneSum;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Kernels that reduce a row. Their sixteen partial sums ({@link LaneSum}) stay in an array, which
 * suits vectors of any width; the elements after the last whole sixteen are added one by one.
 */
final class VectorRows {
  private static final int LANES = LaneSum.LANES;

  private VectorRows() {}

  static void rmsNorm(
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

  static void layerNorm(
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

  /** Returns the greatest element; NaN is passed over. */
  static float max(float[] x, int at, int count) {
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
  static float sumOfExponentials(float[] x, int at, int count, float max) {
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

  private static FloatVector load(float[] array, int at) {
    return FloatVector.fromArray(Lanes.FLOATS, array, at);
  }
}
