package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.load;

import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Exponential;
import io.github.wandacuda.scalar.LaneSum;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * RMSNorm, LayerNorm and cross-entropy on vectors. Sixteen partial sums ({@link LaneSum}) stay in
 * an array, which suits vectors of any width; the elements after the last whole sixteen are added
 * one by one.
 */
final class VectorNorms {
  private static final int LANES = LaneSum.LANES;

  /** What is summed of the differences between a row's elements and a number. */
  private enum Term {
    DIFFERENCE,
    SQUARE,
    EXPONENTIAL
  }

  private VectorNorms() {}

  static void rmsNorm(CpuTensor x, CpuTensor gain, float epsilon, CpuTensor out, int from, int to) {
    for (int row = from; row < to; row++) {
      normalize(x, 0f, gain, null, epsilon, out, row);
    }
  }

  static void layerNorm(
      CpuTensor x, CpuTensor gain, CpuTensor bias, float epsilon, CpuTensor out, int from, int to) {
    for (int row = from; row < to; row++) {
      float mean = sum(Term.DIFFERENCE, x, row, 0f) / x.columns();
      normalize(x, mean, gain, bias, epsilon, out, row);
    }
  }

  private static void normalize(
      CpuTensor of,
      float mean,
      CpuTensor gain,
      CpuTensor bias,
      float epsilon,
      CpuTensor to,
      int row) {
    float variance = sum(Term.SQUARE, of, row, mean) / of.columns();
    float factor = 1f / (float) Math.sqrt(variance + epsilon);
    float[] x = of.data();
    float[] gains = gain.data();
    float[] biases = bias == null ? null : bias.data();
    float[] out = to.data();
    int xAt = of.at(row);
    int gainAt = gain.at(row % gain.rows());
    int biasAt = bias == null ? 0 : bias.at(0);
    int outAt = to.at(row);
    int whole = Lanes.FLOATS.loopBound(of.columns());
    for (int c = 0; c < whole; c += Lanes.COUNT) {
      FloatVector normal = load(x, xAt + c).sub(mean).mul(factor);
      FloatVector gained = normal.mul(load(gains, gainAt + c));
      (biases == null ? gained : gained.add(load(biases, biasAt + c))).intoArray(out, outAt + c);
    }
    for (int c = whole; c < of.columns(); c++) {
      float normal = (x[xAt + c] - mean) * factor;
      float gained = normal * gains[gainAt + c];
      out[outAt + c] = biases == null ? gained : gained + biases[biasAt + c];
    }
  }

  /** Returns the sum of a row's terms; subtracting 0 changes no element. */
  private static float sum(Term term, CpuTensor of, int row, float subtracted) {
    float[] x = of.data();
    int at = of.at(row);
    float[] lanes = new float[LANES];
    int whole = of.columns() - of.columns() % LANES;
    for (int c = 0; c < whole; c += LANES) {
      for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
        FloatVector difference = load(x, at + c + lane).sub(subtracted);
        FloatVector value =
            switch (term) {
              case DIFFERENCE -> difference;
              case SQUARE -> difference.mul(difference);
              case EXPONENTIAL -> VectorMath.exp(difference);
            };
        load(lanes, lane).add(value).intoArray(lanes, lane);
      }
    }
    for (int c = whole; c < of.columns(); c++) {
      float difference = x[at + c] - subtracted;
      lanes[c - whole] +=
          switch (term) {
            case DIFFERENCE -> difference;
            case SQUARE -> difference * difference;
            case EXPONENTIAL -> Exponential.exp(difference);
          };
    }
    return LaneSum.combine(lanes);
  }

  static double crossEntropy(CpuTensor logits, int row, int target) {
    float max = max(logits.data(), logits.at(row), logits.columns());
    float sum = sum(Term.EXPONENTIAL, logits, row, max);
    return Math.log(sum) + ((double) max - logits.data()[logits.at(row) + target]);
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
}
