package io.github.wandacuda.simd;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/**
 * The last run of keys of a group of queries. All queries see the keys up to the group's first
 * query; of the others each query sees only those up to itself. A key that isn't seen is skipped
 * instead of multiplied by 0, since its value may be infinite or NaN.
 */
final class CausalTile {
  /**
   * The keys of the run.
   *
   * @param from the run's first key
   * @param group the group's first query, which is also the last key that all queries see
   * @param end the key after the last one
   * @param first whether it is also the first run
   */
  record Keys(int from, int group, int end, boolean first) {
    int last() {
      return Math.min(end, group + RegisterTile.COLUMNS) - 1;
    }
  }

  private final float[] chain = new float[RegisterTile.ROWS * RegisterTile.COLUMNS];

  /**
   * Adds the run to the sums of one tile, or writes it if it is the first.
   *
   * @param values the tile of values of token 0
   * @param scores [keys, queries]
   * @param column the column of the group's first query in {@code scores}
   */
  void multiply(
      float[] values,
      int valuesOffset,
      RegisterTileSums scores,
      int column,
      Keys keys,
      float[] sums,
      int sumsOffset) {
    int common = keys.group - keys.from + 1;
    RegisterTile.multiply(
        values,
        valuesOffset + keys.from * RegisterTile.ROWS,
        scores.data(),
        scores.at(keys.from, column),
        common,
        RegisterTile.NOTHING,
        0,
        chain,
        0);
    for (int at = 0; at < chain.length; at += Lanes.COUNT) {
      int row = at / RegisterTile.COLUMNS;
      int lane = at % RegisterTile.COLUMNS;
      FloatVector total = FloatVector.fromArray(Lanes.FLOATS, chain, at);
      for (int j = keys.group + 1; j <= keys.last(); j++) {
        VectorMask<Float> seeing = CausalMask.seeing(keys.group + lane, j);
        FloatVector p =
            FloatVector.fromArray(Lanes.FLOATS, scores.data(), scores.at(j, column) + lane);
        FloatVector next =
            p.fma(broadcast(values[valuesOffset + j * RegisterTile.ROWS + row]), total);
        total = total.blend(next, seeing);
      }
      if (!keys.first) {
        total = FloatVector.fromArray(Lanes.FLOATS, sums, sumsOffset + at).add(total);
      }
      total.intoArray(sums, sumsOffset + at);
    }
  }

  private static FloatVector broadcast(float value) {
    return FloatVector.broadcast(Lanes.FLOATS, value);
  }
}
