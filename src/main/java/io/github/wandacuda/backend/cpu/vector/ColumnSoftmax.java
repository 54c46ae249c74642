package io.github.wandacuda.backend.cpu.vector;

import io.github.wandacuda.backend.AttentionShape;
import io.github.wandacuda.backend.cpu.CpuTensor;
import io.github.wandacuda.backend.cpu.LaneSum;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/** Causal softmax down the columns of a group of queries, in two steps: exponentials, division. */
final class ColumnSoftmax {
  /** The sixteen partial sums of each query; the first is the whole once they are combined. */
  private final float[] partial = new float[LaneSum.LANES * Tile.COLUMNS];

  private AttentionShape shape;
  private CpuTensor keyBias;
  private int head;

  /**
   * Says what scores go through from now on.
   *
   * @param keyBias added to them, null for none
   * @param head whose
   */
  void reshape(AttentionShape shape, CpuTensor keyBias, int head) {
    this.shape = shape;
    this.keyBias = keyBias;
    this.head = head;
  }

  /**
   * Replaces each score that a query sees by exp(score - max), where the score was scaled, bounded
   * and biased first; of the others some become anything.
   *
   * @param scores [keys, queries]
   * @param column of the group's first query
   * @param group the sequence's token that this query belongs to
   * @param end keys in the matrix
   */
  void exponentials(TileMatrix scores, int column, int group, int end) {
    Arrays.fill(partial, 0f);
    boolean bent = shape.softcap() > 0 || keyBias != null;
    for (int lane = 0; lane < Tile.COLUMNS; lane += Lanes.COUNT) {
      Keys keys = Keys.of(shape, group + lane, Math.min(end, group + Tile.COLUMNS));
      int at = scores.at(0, column) + lane;
      if (bent) {
        bend(scores.data(), at, keys);
      }
      // What was bent was scaled with it, and times 1 changes nothing.
      FloatVector max = scale(scores.data(), at, keys, bent ? 1f : shape.scale());
      exponentials(scores.data(), at, keys, max, lane);
    }
    for (int width = LaneSum.LANES / 2; width > 0; width /= 2) {
      int half = width * Tile.COLUMNS;
      for (int at = 0; at < half; at += Lanes.COUNT) {
        load(partial, at).add(load(partial, at + half)).intoArray(partial, at);
      }
    }
  }

  /** Divides the columns of a group by the sums of its exponentials. */
  void divide(TileMatrix sums, int column, int rows) {
    float[] data = sums.data();
    for (int row = 0; row < rows; row++) {
      int at = sums.at(row, column);
      for (int lane = 0; lane < Tile.COLUMNS; lane += Lanes.COUNT) {
        load(data, at + lane).div(load(partial, lane)).intoArray(data, at + lane);
      }
    }
  }

  /**
   * The keys of a vector of queries: those before {@code common} and those from {@code causal} on
   * some of them don't see.
   *
   * @param query the first query
   * @param window keys that a query sees
   */
  private record Keys(int query, int window, int from, int common, int causal, int end) {
    static Keys of(AttentionShape shape, int query, int end) {
      int from = Math.min(end, shape.firstKey(query));
      int common = Math.clamp(shape.firstKey(query + Lanes.COUNT - 1), from, end);
      int causal = Math.clamp(query + 1, common, end);
      int window = shape.window() == 0 ? shape.sequenceLength() : shape.window();
      return new Keys(query, window, from, common, causal, end);
    }

    VectorMask<Float> seeing(int key) {
      return Causal.seeing(query, key, window);
    }
  }

  /** Scales, bounds and biases the scores of one vector of queries. */
  private void bend(float[] data, int start, Keys keys) {
    float scale = shape.scale();
    float cap = shape.softcap();
    for (int j = keys.from; j < keys.end; j++) {
      int at = start + j * Tile.COLUMNS;
      FloatVector score = load(data, at).mul(scale);
      if (cap > 0) {
        score = VectorElements.softcap(score, cap);
      }
      if (keyBias != null) {
        score = score.add(keyBias.data()[keyBias.at(head) + j]);
      }
      score.intoArray(data, at);
    }
  }

  /** Scales the scores of one vector of queries; returns their maxima. */
  private static FloatVector scale(float[] data, int start, Keys keys, float scale) {
    FloatVector max = FloatVector.broadcast(Lanes.FLOATS, Float.NEGATIVE_INFINITY);
    max = scaleSome(data, start, keys, keys.from, keys.common, scale, max);
    int at = start + keys.common * Tile.COLUMNS;
    for (int j = keys.common; j < keys.causal; j++, at += Tile.COLUMNS) {
      FloatVector score = load(data, at).mul(scale);
      score.intoArray(data, at);
      max = max.blend(score, score.compare(VectorOperators.GT, max));
    }
    return scaleSome(data, start, keys, keys.causal, keys.end, scale, max);
  }

  /** As {@link #scale}, of keys that not all of the queries see. */
  private static FloatVector scaleSome(
      float[] data, int start, Keys keys, int from, int end, float scale, FloatVector before) {
    FloatVector max = before;
    for (int j = from; j < end; j++) {
      int at = start + j * Tile.COLUMNS;
      FloatVector score = load(data, at).mul(scale);
      score.intoArray(data, at);
      VectorMask<Float> greater = score.compare(VectorOperators.GT, max);
      max = max.blend(score, greater.and(keys.seeing(j)));
    }
    return max;
  }

  private void exponentials(float[] data, int start, Keys keys, FloatVector max, int lane) {
    someExponentials(data, start, keys, keys.from, keys.common, max, lane);
    int at = start + keys.common * Tile.COLUMNS;
    for (int j = keys.common; j < keys.causal; j++, at += Tile.COLUMNS) {
      int sum = j % LaneSum.LANES * Tile.COLUMNS + lane;
      FloatVector p = VectorExponential.exp(load(data, at).sub(max));
      p.intoArray(data, at);
      load(partial, sum).add(p).intoArray(partial, sum);
    }
    someExponentials(data, start, keys, keys.causal, keys.end, max, lane);
  }

  /** As {@link #exponentials}, of keys that not all of the queries see. */
  private void someExponentials(
      float[] data, int start, Keys keys, int from, int end, FloatVector max, int lane) {
    for (int j = from; j < end; j++) {
      int at = start + j * Tile.COLUMNS;
      int sum = j % LaneSum.LANES * Tile.COLUMNS + lane;
      FloatVector p = VectorExponential.exp(load(data, at).sub(max));
      p.intoArray(data, at);
      FloatVector before = load(partial, sum);
      before.blend(before.add(p), keys.seeing(j)).intoArray(partial, sum);
    }
  }

  private static FloatVector load(float[] data, int at) {
    return FloatVector.fromArray(Lanes.FLOATS, data, at);
  }
}
