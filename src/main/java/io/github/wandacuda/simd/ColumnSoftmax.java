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
  /** The sixteen partial sums of each query; the first is the whole sum once they are combined. */
  private final float[] partial = new float[LaneSum.LANES * RegisterTile.COLUMNS];

  /** What the sink adds to each of these sums. */
  private final float[] shares = new float[RegisterTile.COLUMNS];

  private AttentionShape shape;
  private CpuTensor keyBias;
  private CpuTensor sinks;
  private int head;

  /**
   * Sets the parameters of the scores.
   *
   * @param keyBias added to the scores, null for none
   * @param sinks of the heads, null for none
   */
  void reshape(AttentionShape shape, CpuTensor keyBias, CpuTensor sinks, int head) {
    this.shape = shape;
    this.keyBias = keyBias;
    this.sinks = sinks;
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
    boolean hides = shape.firstKey(group + RegisterTile.COLUMNS - 1) > 0;
    float sink = sinks == null ? Float.NEGATIVE_INFINITY : sinks.data()[sinks.at(0) + head];
    for (int lane = 0; lane < RegisterTile.COLUMNS; lane += Lanes.COUNT) {
      int at = scores.at(0, column) + lane;
      int query = group + lane;
      if (bent) {
        bend(scores.data(), at, Math.min(keys, shape.firstKey(query)), keys);
      }
      if (hides) {
        WindowSoftmax window = new WindowSoftmax(scores.data(), at, shape, query, keys);
        FloatVector max = window.scale(scale, sink);
        window.exponentials(max, partial, lane);
        share(sink, max, lane);
      } else {
        FloatVector max = scale(scores.data(), at, query, keys, scale, sink);
        exponentials(scores.data(), at, query, keys, max, lane);
        share(sink, max, lane);
      }
    }
    for (int width = LaneSum.LANES / 2; width > 0; width /= 2) {
      int half = width * RegisterTile.COLUMNS;
      for (int at = 0; at < half; at += Lanes.COUNT) {
        load(partial, at).add(load(partial, at + half)).intoArray(partial, at);
      }
    }
    for (int lane = 0; sinks != null && lane < RegisterTile.COLUMNS; lane += Lanes.COUNT) {
      load(partial, lane).add(load(shares, lane)).intoArray(partial, lane);
    }
  }

  private void share(float sink, FloatVector max, int lane) {
    if (sinks != null) {
      VectorMath.exp(FloatVector.broadcast(Lanes.FLOATS, sink).sub(max)).intoArray(shares, lane);
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
   * Scales the scores of one vector of queries, from {@code query} on; returns their maxima.
   *
   * @param least the least maximum
   */
  private static FloatVector scale(
      float[] data, int from, int query, int keys, float scale, float least) {
    FloatVector max = FloatVector.broadcast(Lanes.FLOATS, least);
    int common = Math.min(keys, query + 1);
    int at = from;
    for (int j = 0; j < common; j++, at += RegisterTile.COLUMNS) {
      FloatVector score = load(data, at).mul(scale);
      score.intoArray(data, at);
      max = max.blend(score, score.compare(VectorOperators.GT, max));
    }
    for (int j = common; j < keys; j++, at += RegisterTile.COLUMNS) {
      FloatVector score = load(data, at).mul(scale);
      score.intoArray(data, at);
      VectorMask<Float> greater = score.compare(VectorOperators.GT, max);
      max = max.blend(score, greater.and(CausalMask.seeing(query, j)));
    }
    return max;
  }

  private void exponentials(
      float[] data, int from, int query, int keys, FloatVector max, int lane) {
    int common = Math.min(keys, query + 1);
    int at = from;
    for (int j = 0; j < common; j++, at += RegisterTile.COLUMNS) {
      int sum = j % LaneSum.LANES * RegisterTile.COLUMNS + lane;
      FloatVector p = VectorMath.exp(load(data, at).sub(max));
      p.intoArray(data, at);
      load(partial, sum).add(p).intoArray(partial, sum);
    }
    for (int j = common; j < keys; j++, at += RegisterTile.COLUMNS) {
      int sum = j % LaneSum.LANES * RegisterTile.COLUMNS + lane;
      FloatVector p = VectorMath.exp(load(data, at).sub(max));
      p.intoArray(data, at);
      FloatVector before = load(partial, sum);
      before.blend(before.add(p), CausalMask.seeing(query, j)).intoArray(partial, sum);
    }
  }

  /**
   * The softmax of a vector of queries whose windows hide keys. All of the queries see the keys
   * from {@code common} to {@code causal - 1}; only some see the keys before and after.
   */
  private static final class WindowSoftmax {
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

    /** Scales the scores; returns their maxima, the least of which is given. */
    FloatVector scale(float scale, float least) {
      FloatVector max = FloatVector.broadcast(Lanes.FLOATS, least);
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
        FloatVector p = VectorMath.exp(FloatVector.fromArray(Lanes.FLOATS, data, at).sub(max));
        p.intoArray(data, at);
        FloatVector before = FloatVector.fromArray(Lanes.FLOATS, partial, sum);
        FloatVector after = before.add(p);
        boolean hidden = j < common || j >= causal;
        (hidden ? before.blend(after, seeing(j)) : after).intoArray(partial, sum);
      }
    }
  }
}
