package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.load;

import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.LaneSum;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/** The softmax of one query's scores, which lie side by side. */
final class KeyScores {
  private static final FloatVector INDEX = (FloatVector) Lanes.FLOATS.broadcast(0).addIndex(1);

  private final float[] lanes = new float[LaneSum.LANES];

  /**
   * Scales, bounds and biases the scores that a token sees, and replaces them by exp(score - max).
   *
   * @param scores products of the query and the keys; room for a whole number of sixteen keys
   * @param at the score of the sequence's first key
   * @param keyBias added to the scores, null for none
   * @param token the query's token
   * @return the sum of the exponentials
   */
  float exponentials(
      float[] scores, int at, AttentionShape shape, CpuTensor keyBias, int head, int token) {
    int first = shape.firstKey(token);
    int start = first / LaneSum.LANES * LaneSum.LANES;
    FloatVector max = FloatVector.broadcast(Lanes.FLOATS, Float.NEGATIVE_INFINITY);
    for (int j = start; j <= token; j += Lanes.COUNT) {
      FloatVector score = load(scores, at + j).mul(shape.scale());
      if (shape.softcap() > 0) {
        score = VectorTanh.softcap(score, shape.softcap());
      }
      VectorMask<Float> seen = seen(j, first, token);
      if (keyBias != null) {
        int bias = keyBias.at(head) + j;
        score = score.add(FloatVector.fromArray(Lanes.FLOATS, keyBias.data(), bias, seen));
      }
      score.intoArray(scores, at + j);
      max = max.blend(score, score.compare(VectorOperators.GT, max).and(seen));
    }
    float highest = max.reduceLanes(VectorOperators.MAX);
    Arrays.fill(lanes, 0f);
    for (int j = start; j <= token; j += Lanes.COUNT) {
      FloatVector p = VectorExponential.exp(load(scores, at + j).sub(highest));
      p.intoArray(scores, at + j);
      int lane = j % LaneSum.LANES;
      FloatVector before = load(lanes, lane);
      before.blend(before.add(p), seen(j, first, token)).intoArray(lanes, lane);
    }
    return LaneSum.combine(lanes);
  }

  /** Returns which of a vector's keys, from {@code j} on, are among those that a token sees. */
  private static VectorMask<Float> seen(int j, int first, int token) {
    return INDEX
        .compare(VectorOperators.GE, (float) (first - j))
        .and(INDEX.compare(VectorOperators.LE, (float) (token - j)));
  }
}
