package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.load;

import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.LaneSum;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/** Causal softmax of the columns of a group of queries, in two steps: exponentials, division. */
final class ColumnSoftmax {
  private static final FloatVector INDEX = (FloatVector) Lanes.FLOATS.broadcast(0).addIndex(1);

  /** The sixteen partial sums of each query; the first is the whole sum once they are combined. */
  private final float[] partial = new float[LaneSum.LANES * RegisterTile.COLUMNS];

  private AttentionShape shape;
  private CpuTensor keyBias;
  private int head;

  /**
   * Sets the parameters of the scores.
   *
   * @param keyBias added to the scores, null for none
   * @param head the head of the scores
   */
  void reshape(AttentionShape shape, CpuTensor keyBias, int head) {
    this.shape = shape;
    this.keyBias = keyBias;
    this.head = head;
  }

  /**
   * Scales, bounds and biases each score that a query sees, and replaces it by exp(score - max).
   * The content of the other scores becomes undefined.
   *
   * @param scores [keys, queries]
   * @param column the column of the group's first query
   * @param group the token of this query in the sequence
   * @param end keys in the matrix
   */
  void exponentials(RegisterTileSums scores, int column, int group, int end) {
    Arrays.fill(partial, 0f);
    boolean bent = shape.softcap() > 0 || keyBias != null;
    // Bent scores are scaled already; a factor of 1 changes nothing.
    float scale = bent ? 1f : shape.scale();
    int keys = Math.min(end, group + RegisterTile.COLUMNS);
    float[] data = scores.data();
    for (int lane = 0; lane < RegisterTile.COLUMNS; lane += Lanes.COUNT) {
      int at = scores.at(0, column) + lane;
      int query = group + lane;
      // All of a vector's queries see the keys from common to causal - 1, some those beside them.
      int from = Math.min(keys, shape.firstKey(query));
      int common = Math.clamp(shape.firstKey(query + Lanes.COUNT - 1), from, keys);
      int causal = Math.clamp(query + 1, common, keys);
      if (bent) {
        bend(data, at, from, keys);
      }
      FloatVector max = FloatVector.broadcast(Lanes.FLOATS, Float.NEGATIVE_INFINITY);
      max = scale(data, at, query, from, common, false, scale, max);
      max = scale(data, at, query, common, causal, true, scale, max);
      max = scale(data, at, query, causal, keys, false, scale, max);
      exponentials(data, at, query, from, common, false, max, lane);
      exponentials(data, at, query, common, causal, true, max, lane);
      exponentials(data, at, query, causal, keys, false, max, lane);
    }
    for (int width = LaneSum.LANES / 2; width > 0; width /= 2) {
      int half = width * RegisterTile.COLUMNS;
      for (int at = 0; at < half; at += Lanes.COUNT) {
        load(partial, at).add(load(partial, at + half)).intoArray(partial, at);
      }
    }
  }

  /** Divides the columns of a group by the sums of their exponentials. */
  void divide(RegisterTileSums sums, int column, int rows) {
    float[] data = sums.data();
    for (int row = 0; row < rows; row++) {
      int at = sums.at(row, column);
      for (int lane = 0; lane < RegisterTile.COLUMNS; lane += Lanes.COUNT) {
        load(data, at + lane).div(load(partial, lane)).intoArray(data, at + lane);
      }
    }
  }

  /**
   * Scales, bounds and biases the scores of one vector of queries, of keys from {@code from} on.
   */
  private void bend(float[] data, int start, int from, int end) {
    float scale = shape.scale();
    float cap = shape.softcap();
    for (int j = from; j < end; j++) {
      int at = start + j * RegisterTile.COLUMNS;
      FloatVector score = load(data, at).mul(scale);
      if (cap > 0) {
        score = VectorMath.softcap(score, cap);
      }
      if (keyBias != null) {
        score = score.add(keyBias.data()[keyBias.at(head) + j]);
      }
      score.intoArray(data, at);
    }
  }

  /**
   * Scales the scores of one vector of queries, from {@code query} on, and some keys.
   *
   * @param common whether all of the queries see these keys
   * @return their maxima, or those before if these are greater
   */
  private FloatVector scale(
      float[] data,
      int start,
      int query,
      int from,
      int to,
      boolean common,
      float scale,
      FloatVector before) {
    FloatVector max = before;
    for (int j = from; j < to; j++) {
      int at = start + j * RegisterTile.COLUMNS;
      FloatVector score = load(data, at).mul(scale);
      score.intoArray(data, at);
      VectorMask<Float> greater = score.compare(VectorOperators.GT, max);
      max = max.blend(score, common ? greater : greater.and(seeing(query, j, shape.window())));
    }
    return max;
  }

  private void exponentials(
      float[] data,
      int start,
      int query,
      int from,
      int to,
      boolean common,
      FloatVector max,
      int lane) {
    for (int j = from; j < to; j++) {
      int at = start + j * RegisterTile.COLUMNS;
      int sum = j % LaneSum.LANES * RegisterTile.COLUMNS + lane;
      FloatVector p = VectorMath.exp(load(data, at).sub(max));
      p.intoArray(data, at);
      FloatVector before = load(partial, sum);
      FloatVector after = before.add(p);
      (common ? after : before.blend(after, seeing(query, j, shape.window())))
          .intoArray(partial, sum);
    }
  }

  /**
   * Returns the lanes whose query, {@code first} plus the lane, is {@code key} or later, but less
   * than a window later if that isn't 0.
   */
  static VectorMask<Float> seeing(int first, int key, int window) {
    VectorMask<Float> causal = INDEX.compare(VectorOperators.GE, (float) (key - first));
    return window == 0 ? causal : causal.and(before(first, (long) key + window));
  }

  /** Returns the lanes whose query is before {@code query}. */
  static VectorMask<Float> before(int first, long query) {
    return INDEX.compare(VectorOperators.LT, (float) (query - first));
  }
}
