package io.github.wandacuda.backend.cpu.vector;

import io.github.wandacuda.backend.cpu.LaneSum;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/** Causal softmax down the columns of a group of queries, in two steps: exponentials, division. */
final class ColumnSoftmax {
  /** The sixteen partial sums of each query; the first is the whole once they are combined. */
  private final float[] partial = new float[LaneSum.LANES * Tile.COLUMNS];

  /**
   * Replaces each score that a query sees by exp(score * scale - max); of the others some become
   * anything.
   *
   * @param scores [keys, queries]
   * @param column of the group's first query
   * @param group the sequence's token that this query belongs to
   * @param end keys in the matrix
   */
  void exponentials(TileMatrix scores, int column, int group, int end, float scale) {
    Arrays.fill(partial, 0f);
    int keys = Math.min(end, group + Tile.COLUMNS);
    for (int lane = 0; lane < Tile.COLUMNS; lane += Lanes.COUNT) {
      int at = scores.at(0, column) + lane;
      FloatVector max = scale(scores.data(), at, group + lane, keys, scale);
      exponentials(scores.data(), at, group + lane, keys, max, lane);
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

  /** Scales the scores of one vector of queries, from {@code query} on; returns their maxima. */
  private static FloatVector scale(float[] data, int from, int query, int keys, float scale) {
    FloatVector max = FloatVector.broadcast(Lanes.FLOATS, Float.NEGATIVE_INFINITY);
    int common = Math.min(keys, query + 1);
    int at = from;
    for (int j = 0; j < common; j++, at += Tile.COLUMNS) {
      FloatVector score = load(data, at).mul(scale);
      score.intoArray(data, at);
      max = max.blend(score, score.compare(VectorOperators.GT, max));
    }
    for (int j = common; j < keys; j++, at += Tile.COLUMNS) {
      FloatVector score = load(data, at).mul(scale);
      score.intoArray(data, at);
      VectorMask<Float> greater = score.compare(VectorOperators.GT, max);
      max = max.blend(score, greater.and(Causal.seeing(query, j)));
    }
    return max;
  }

  private void exponentials(
      float[] data, int from, int query, int keys, FloatVector max, int lane) {
    int common = Math.min(keys, query + 1);
    int at = from;
    for (int j = 0; j < common; j++, at += Tile.COLUMNS) {
      int sum = j % LaneSum.LANES * Tile.COLUMNS + lane;
      FloatVector p = VectorExponential.exp(load(data, at).sub(max));
      p.intoArray(data, at);
      load(partial, sum).add(p).intoArray(partial, sum);
    }
    for (int j = common; j < keys; j++, at += Tile.COLUMNS) {
      int sum = j % LaneSum.LANES * Tile.COLUMNS + lane;
      FloatVector p = VectorExponential.exp(load(data, at).sub(max));
      p.intoArray(data, at);
      FloatVector before = load(partial, sum);
      before.blend(before.add(p), Causal.seeing(query, j)).intoArray(partial, sum);
    }
  }

  private static FloatVector load(float[] data, int at) {
    return FloatVector.fromArray(Lanes.FLOATS, data, at);
  }
}
