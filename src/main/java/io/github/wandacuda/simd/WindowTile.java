package io.github.wandacuda.simd;

import io.github.wandacuda.scalar.CpuForwardKernels;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/**
 * A run of keys in which the window of some queries of a group begins, so that not all queries see
 * all of its keys. A key that isn't seen is skipped instead of multiplied by 0, since its value may
 * be infinite or NaN.
 */
final class WindowTile {
  private WindowTile() {}

  /**
   * The run's keys that some query sees.
   *
   * @param run the run's first key
   * @param from the first key
   * @param end the key after the last one
   * @param group the group's first query
   * @param window how many keys a query sees
   */
  record Keys(int run, int from, int end, int group, int window) {}

  /**
   * Adds the run to the sums of one tile. For a query that sees no key of the run, -0 is added,
   * which changes no sum.
   *
   * @param values the tile of values of token 0
   * @param scores [keys, queries]
   * @param column the column of the group's first query in {@code scores}
   */
  static void multiply(
      float[] values,
      int valuesOffset,
      RegisterTileSums scores,
      int column,
      Keys keys,
      float[] before,
      int beforeOffset,
      float[] sums,
      int sumsOffset) {
    long firstWithout = (long) keys.run + CpuForwardKernels.RUN + keys.window - 1;
    for (int at = 0; at < RegisterTile.ROWS * RegisterTile.COLUMNS; at += Lanes.COUNT) {
      int lane = at % RegisterTile.COLUMNS;
      int value = valuesOffset + at / RegisterTile.COLUMNS;
      FloatVector chain = FloatVector.zero(Lanes.FLOATS);
      for (int j = keys.from; j < keys.end; j++) {
        VectorMask<Float> seeing = CausalMask.seeing(keys.group + lane, j, keys.window);
        FloatVector p =
            FloatVector.fromArray(Lanes.FLOATS, scores.data(), scores.at(j, column) + lane);
        FloatVector next =
            p.fma(
                FloatVector.broadcast(Lanes.FLOATS, values[value + j * RegisterTile.ROWS]), chain);
        chain = chain.blend(next, seeing);
      }
      VectorMask<Float> with = CausalMask.before(keys.group + lane, firstWithout);
      FloatVector added = FloatVector.broadcast(Lanes.FLOATS, -0f).blend(chain, with);
      FloatVector.fromArray(Lanes.FLOATS, before, beforeOffset + at)
          .add(added)
          .intoArray(sums, sumsOffset + at);
    }
  }
}
