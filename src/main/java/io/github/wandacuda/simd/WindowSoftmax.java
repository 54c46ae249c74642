package io.github.wandacuda.simd;

import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.scalar.LaneSum;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * The softmax of a vector of queries whose windows hide keys. All of the queries see the keys from
 * {@code common} to {@code causal - 1}; only some see the keys before and after.
 */
final class WindowSoftmax {
  private final float[] data;
  private final int start;
  private final int query;
  private final int window;
  private final int from;
  private final int common;
  private final int causal;
  private final int end;

  /**
   * Prepares the softmax.
   *
   * @param data scores, {@link RegisterTile#COLUMNS} from a key to the next
   * @param start the offset of the scores of key 0
   * @param query the first query
   * @param end the key after the last one that any query sees
   */
  WindowSoftmax(float[] data, int start, AttentionShape shape, int query, int end) {
    this.data = data;
    this.start = start;
    this.query = query;
    this.end = end;
    window = shape.window();
    from = Math.min(end, shape.firstKey(query));
    common = Math.clamp(shape.firstKey(query + Lanes.COUNT - 1), from, end);
    causal = Math.clamp(query + 1, common, end);
  }

  /** Scales the scores; returns their maxima. */
  FloatVector scale(float scale) {
    FloatVector max = FloatVector.broadcast(Lanes.FLOATS, Float.NEGATIVE_INFINITY);
    for (int j = from; j < end; j++) {
      int at = start + j * RegisterTile.COLUMNS;
      FloatVector score = FloatVector.fromArray(Lanes.FLOATS, data, at).mul(scale);
      score.intoArray(data, at);
      VectorMask<Float> greater = score.compare(VectorOperators.GT, max);
      max = max.blend(score, j < common || j >= causal ? greater.and(seeing(j)) : greater);
    }
    return max;
  }

  private VectorMask<Float> seeing(int key) {
    return CausalMask.seeing(query, key, window);
  }

  /**
   * Replaces the scores by exp(score - max).
   *
   * @param partial the sixteen partial sums of each query, to which the exponentials are added
   * @param lane the lane of the first query
   */
  void exponentials(FloatVector max, float[] partial, int lane) {
    for (int j = from; j < end; j++) {
      int at = start + j * RegisterTile.COLUMNS;
      int sum = j % LaneSum.LANES * RegisterTile.COLUMNS + lane;
      FloatVector p = VectorExponential.exp(FloatVector.fromArray(Lanes.FLOATS, data, at).sub(max));
      p.intoArray(data, at);
      FloatVector before = FloatVector.fromArray(Lanes.FLOATS, partial, sum);
      FloatVector after = before.add(p);
      boolean hidden = j < common || j >= causal;
      (hidden ? before.blend(after, seeing(j)) : after).intoArray(partial, sum);
    }
  }
}
