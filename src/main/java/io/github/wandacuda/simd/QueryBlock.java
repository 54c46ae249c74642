package io.github.wandacuda.simd;

import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.simd.VectorAttention.AttentionPanels;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/**
 * Attention of a block of one head's queries. All matrices are transposed: scores are [keys,
 * queries] and the result is [features, queries]. So vectors run along queries in both matrix
 * products and in the softmax between them, and each step reads what the one before has written.
 *
 * <p>Queries come in groups of {@link RegisterTile#COLUMNS}, which divides {@link
 * CpuForwardKernels#RUN}: so the last keys of all queries of a group are in the same run.
 */
final class QueryBlock {
  /** Queries of a block: scores of 256 bytes a key. */
  static final int QUERIES = 64;

  private static final int RUN = CpuForwardKernels.RUN;

  /** Keys that stay in the second-level cache while all of the block's queries read them. */
  private static final int KEYS_PER_PASS = 16 * RegisterTile.ROWS;

  private final AttentionPanels panels;
  private final RegisterTileSums scores = new RegisterTileSums();
  private final RegisterTileSums sums = new RegisterTileSums();
  private final ColumnSoftmax softmax = new ColumnSoftmax();
  private final CausalTile diagonal = new CausalTile();
  private float[] queries = {};

  QueryBlock(AttentionPanels panels) {
    this.panels = panels;
  }

  /**
   * Computes a block's output.
   *
   * @param start the sequence's first row
   * @param part the number of the block of {@link #QUERIES} queries in the sequence
   */
  void attend(AttentionOperands<CpuTensor> operands, int start, int head, int part) {
    AttentionShape shape = operands.shape();
    int first = part * QUERIES;
    int end = Math.min(shape.sequenceLength(), first + QUERIES);
    int shared = head / (shape.heads() / shape.keyValueHeads());
    int size = shape.headSize();
    scores.reshape(end, end - first);
    sums.reshape(size, end - first);
    packQueries(operands.q(), size, start, head, first, end);
    multiplyKeys(shared, shape, first, end);
    softmax.reshape(shape, operands.keyBias(), operands.sinks(), head);
    for (int group = first; group < end; group += RegisterTile.COLUMNS) {
      int column = group - first;
      softmax.exponentials(scores, column, group, end);
      multiplyValues(shared, shape, column, group, end);
      softmax.divide(sums, column, size);
    }
    sums.copyTurnedTo(operands.out(), start + first, head * size);
  }

  private void packQueries(CpuTensor q, int size, int start, int head, int first, int end) {
    queries = RegisterTile.grown(queries, QUERIES, size);
    for (int group = first; group < end; group += RegisterTile.COLUMNS) {
      int count = Math.min(RegisterTile.COLUMNS, end - group);
      int at = q.at(start + group) + head * size;
      int to = (group - first) * size;
      RegisterTile.stand(q.data(), at, q.columns(), count, size, queries, to, RegisterTile.COLUMNS);
    }
  }

  private void multiplyKeys(int head, AttentionShape shape, int first, int end) {
    int firstPass = shape.firstKey(first) / KEYS_PER_PASS * KEYS_PER_PASS;
    for (int key = firstPass; key < end; key += KEYS_PER_PASS) {
      for (int group = first; group < end; group += RegisterTile.COLUMNS) {
        int seen = Math.min(end, group + RegisterTile.COLUMNS);
        int keyEnd = Math.min(seen, key + KEYS_PER_PASS);
        int keyStart = Math.max(key, shape.firstKey(group) / RegisterTile.ROWS * RegisterTile.ROWS);
        for (int j = keyStart; j < keyEnd; j += RegisterTile.ROWS) {
          multiplyTile(panels.keyAt(head, j), shape.headSize(), j, group - first);
        }
      }
    }
  }

  private void multiplyTile(int keys, int size, int j, int column) {
    int at = scores.at(j, column);
    for (int run = 0; run < size; run += RUN) {
      RegisterTile.multiply(
          panels.keys(),
          keys + run * RegisterTile.ROWS,
          queries,
          column * size + run * RegisterTile.COLUMNS,
          Math.min(RUN, size - run),
          run == 0,
          scores.data(),
          at);
    }
  }

  private void multiplyValues(int head, AttentionShape shape, int column, int group, int end) {
    int last = group / RUN * RUN;
    int firstKey = shape.firstKey(group);
    int commonKey = shape.firstKey(group + RegisterTile.COLUMNS - 1);
    int firstRun = firstKey / RUN * RUN;
    for (int run = firstRun; run <= last; run += RUN) {
      boolean first = run == firstRun;
      if (commonKey > run) {
        int from = Math.max(run, firstKey);
        int to = Math.min(Math.min(run + RUN, end), group + RegisterTile.COLUMNS);
        multiplyWindow(
            head, column, new WindowTile.Keys(run, from, to, group, shape.window()), first);
      } else if (run < last) {
        multiplyRun(head, column, run, first);
      } else {
        multiplyDiagonal(head, column, new CausalTile.Keys(run, group, end, first));
      }
    }
  }

  private void multiplyRun(int head, int column, int run, boolean first) {
    for (int d = 0; d < sums.rows(); d += RegisterTile.ROWS) {
      int at = sums.at(d, column);
      RegisterTile.multiply(
          panels.values(),
          panels.valueAt(head, d) + run * RegisterTile.ROWS,
          scores.data(),
          scores.at(run, column),
          RUN,
          first,
          sums.data(),
          at);
    }
  }

  private void multiplyWindow(int head, int column, WindowTile.Keys keys, boolean first) {
    for (int d = 0; d < sums.rows(); d += RegisterTile.ROWS) {
      int at = sums.at(d, column);
      WindowTile.multiply(
          panels.values(),
          panels.valueAt(head, d),
          scores,
          column,
          keys,
          first ? RegisterTile.NOTHING : sums.data(),
          first ? 0 : at,
          sums.data(),
          at);
    }
  }

  private void multiplyDiagonal(int head, int column, CausalTile.Keys keys) {
    for (int d = 0; d < sums.rows(); d += RegisterTile.ROWS) {
      int values = panels.valueAt(head, d);
      diagonal.multiply(
          panels.values(), values, scores, column, keys, sums.data(), sums.at(d, column));
    }
  }

  /**
   * A run of keys in which the window of some queries of a group begins, so that not all queries
   * see all of its keys. A key that isn't seen is skipped instead of multiplied by 0, since its
   * value may be infinite or NaN.
   */
  private static final class WindowTile {
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
                  FloatVector.broadcast(Lanes.FLOATS, values[value + j * RegisterTile.ROWS]),
                  chain);
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

  /**
   * The last run of keys of a group of queries. All queries see the keys up to the group's first
   * query; of the others each query sees only those up to itself. A key that isn't seen is skipped
   * instead of multiplied by 0, since its value may be infinite or NaN.
   */
  private static final class CausalTile {
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

    /** Adds the run to the sums of one tile, or writes it if it is the first. */
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
          true,
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
}
