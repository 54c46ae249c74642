package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.load;

import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.LaneSum;
import io.github.wandacuda.simd.VectorAttention.AttentionPanels;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Attention of a block of one head's queries. All matrices are transposed: scores are [keys,
 * queries] and the result is [features, queries]. So vectors run along queries in both matrix
 * products and in the softmax between them, and each step reads what the one before has written.
 *
 * <p>Queries come in groups of {@link RegisterTile#COLUMNS}, which divides {@link
 * CpuForwardKernels#RUN}. So the last keys that the queries of a group see are all in the same run.
 */
final class QueryBlock {
  /** Queries of a block: scores of 256 bytes a key. */
  static final int QUERIES = 64;

  private static final int RUN = CpuForwardKernels.RUN;
  private static final FloatVector INDEX = (FloatVector) Lanes.FLOATS.broadcast(0).addIndex(1);

  /** Keys that stay in the second-level cache while all of the block's queries read them. */
  private static final int KEYS_PER_PASS = 16 * RegisterTile.ROWS;

  private final AttentionPanels panels;
  private final RegisterTileSums scores = new RegisterTileSums();
  private final RegisterTileSums sums = new RegisterTileSums();
  private final ColumnSoftmax softmax = new ColumnSoftmax();
  private final float[] chain = new float[RegisterTile.ROWS * RegisterTile.COLUMNS];
  private float[] queries = {};

  QueryBlock(AttentionPanels panels) {
    this.panels = panels;
  }

  /**
   * Computes a block's output.
   *
   * @param operands queries, keys, values and output; keys and values are packed
   * @param start the sequence's first row
   * @param head the query head
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
    for (int group = first; group < end; group += RegisterTile.COLUMNS) {
      int column = group - first;
      softmax.exponentials(operands, head, scores, column, group, end);
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
      if (commonKey <= run && run < last) {
        multiplyRun(head, column, run, first);
      } else {
        int from = Math.max(run, firstKey);
        int masked = commonKey > run ? from : group + 1;
        int to = Math.min(Math.min(run + RUN, end), group + RegisterTile.COLUMNS);
        multiplyPartly(head, column, new PartlySeenRun(run, from, masked, to, group), shape, first);
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

  private void multiplyPartly(
      int head, int column, PartlySeenRun keys, AttentionShape shape, boolean first) {
    for (int d = 0; d < sums.rows(); d += RegisterTile.ROWS) {
      int values = panels.valueAt(head, d);
      multiplyPartly(values, column, keys, lastKeys(shape), first, sums.at(d, column));
    }
  }

  /**
   * Adds a run to the sums of one tile, or begins them with it. For a query that sees no key of the
   * run, -0 is added, which changes no sum.
   *
   * @param valuesAt the tile of values of token 0
   * @param column the column of the group's first query in the scores
   * @param keys the run, and which of its keys queries see
   * @param window how many of the last keys a query sees
   * @param first whether the run is the first of the sums
   * @param sumsAt the tile of sums
   */
  private void multiplyPartly(
      int valuesAt, int column, PartlySeenRun keys, int window, boolean first, int sumsAt) {
    float[] values = panels.values();
    float[] out = sums.data();
    RegisterTile.multiply(
        values,
        valuesAt + keys.from * RegisterTile.ROWS,
        scores.data(),
        scores.at(keys.from, column),
        keys.masked - keys.from,
        true,
        chain,
        0);
    long firstWithout = (long) keys.run + RUN + window - 1;
    for (int at = 0; at < chain.length; at += Lanes.COUNT) {
      int lane = at % RegisterTile.COLUMNS;
      int value = valuesAt + at / RegisterTile.COLUMNS;
      FloatVector total = load(chain, at);
      for (int j = keys.masked; j < keys.end; j++) {
        VectorMask<Float> seeing = queriesSeeing(keys.group + lane, j, window);
        FloatVector factor = Lanes.constant(values[value + j * RegisterTile.ROWS]);
        FloatVector next = load(scores.data(), scores.at(j, column) + lane).fma(factor, total);
        total = total.blend(next, seeing);
      }
      VectorMask<Float> with = before(keys.group + lane, firstWithout);
      FloatVector added = Lanes.constant(-0f).blend(total, with);
      int to = sumsAt + at;
      (first ? added : load(out, to).add(added)).intoArray(out, to);
    }
  }

  /**
   * Returns the lanes whose query, {@code first} plus the lane, is {@code key} or later, but less
   * than a window later.
   *
   * @param window {@link Integer#MAX_VALUE} for no window
   */
  private static VectorMask<Float> queriesSeeing(int first, int key, int window) {
    VectorMask<Float> causal = INDEX.compare(VectorOperators.GE, (float) (key - first));
    return window == Integer.MAX_VALUE ? causal : causal.and(before(first, (long) key + window));
  }

  /** Returns the lanes whose query is before {@code query}. */
  private static VectorMask<Float> before(int first, long query) {
    return INDEX.compare(VectorOperators.LT, (float) (query - first));
  }

  /** Returns how many of the last keys a query sees. */
  private static int lastKeys(AttentionShape shape) {
    return shape.window() == 0 ? Integer.MAX_VALUE : shape.window();
  }

  /**
   * A run of keys that not all queries of a group see as a whole: the window of some queries begins
   * in it, or it is the last one, of which each query sees the keys up to its own token. A key that
   * isn't seen is skipped instead of multiplied by 0, since its value may be infinite or NaN.
   *
   * @param run the run's first key
   * @param from the first key that some query sees
   * @param masked the first key that some query doesn't see
   * @param end the key after the last one that some query sees
   * @param group the group's first query
   */
  private record PartlySeenRun(int run, int from, int masked, int end, int group) {}

  /** Causal softmax of the columns of a group of queries, in two steps: exponentials, division. */
  private static final class ColumnSoftmax {
    /**
     * The sixteen partial sums of each query. Once they are combined, the first one is the whole
     * sum.
     */
    private final float[] partial = new float[LaneSum.LANES * RegisterTile.COLUMNS];

    /** The exponential of the sink for each query, which is added to the query's sum. */
    private final float[] shares = new float[RegisterTile.COLUMNS];

    /**
     * Scales, bounds and biases each score that a query sees, and replaces it by exp(score - max).
     * The content of the other scores becomes undefined.
     *
     * @param scores [keys, queries]
     * @param column the column of the group's first query
     * @param group the token of this query in the sequence
     * @param end keys in the matrix
     */
    void exponentials(
        AttentionOperands<CpuTensor> operands,
        int head,
        RegisterTileSums scores,
        int column,
        int group,
        int end) {
      AttentionShape shape = operands.shape();
      CpuTensor keyBias = operands.keyBias();
      CpuTensor sinks = operands.sinks();
      Arrays.fill(partial, 0f);
      boolean bent = shape.softcap() > 0 || keyBias != null;
      // Bent scores are scaled already; a factor of 1 changes nothing.
      float scale = bent ? 1f : shape.scale();
      int keys = Math.min(end, group + RegisterTile.COLUMNS);
      float sink = sinks == null ? Float.NEGATIVE_INFINITY : sinks.data()[sinks.at(0) + head];
      for (int lane = 0; lane < RegisterTile.COLUMNS; lane += Lanes.COUNT) {
        int at = scores.at(0, column) + lane;
        int query = group + lane;
        if (bent) {
          bend(operands, head, scores.data(), at, Math.min(keys, shape.firstKey(query)), keys);
        }
        SeenKeys seen = new SeenKeys(scores.data(), at, shape, query, keys);
        FloatVector max = seen.scale(scale, sink);
        seen.exponentials(max, partial, lane);
        if (sinks != null) {
          VectorMath.exp(Lanes.constant(sink).sub(max)).intoArray(shares, lane);
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
    private static void bend(
        AttentionOperands<CpuTensor> of, int head, float[] data, int start, int from, int end) {
      float scale = of.shape().scale();
      float cap = of.shape().softcap();
      CpuTensor keyBias = of.keyBias();
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
     * The softmax of a vector of queries. All of the queries see the keys from {@code common} to
     * {@code causal - 1}; only some see the keys before, which a window hides, and after.
     */
    @SuppressWarnings("ArrayRecordComponent")
    private record SeenKeys(
        float[] data, int start, int query, int window, int from, int common, int causal, int end) {
      /**
       * Prepares the softmax.
       *
       * @param data scores, {@link RegisterTile#COLUMNS} from a key to the next
       * @param start the offset of the scores of key 0
       * @param query the first query
       * @param end the key after the last one that any query sees
       */
      SeenKeys(float[] data, int start, AttentionShape shape, int query, int end) {
        int from = Math.min(end, shape.firstKey(query));
        int common = Math.clamp(shape.firstKey(query + Lanes.COUNT - 1), from, end);
        int causal = Math.clamp(query + 1, common, end);
        this(data, start, query, lastKeys(shape), from, common, causal, end);
      }

      /** Scales the scores; returns their maxima, the least of which is given. */
      FloatVector scale(float scale, float least) {
        FloatVector max = FloatVector.broadcast(Lanes.FLOATS, least);
        max = scale(from, common, true, scale, max);
        max = scale(common, causal, false, scale, max);
        return scale(causal, end, true, scale, max);
      }

      private FloatVector scale(
          int first, int last, boolean masked, float scale, FloatVector least) {
        FloatVector max = least;
        for (int j = first; j < last; j++) {
          int at = start + j * RegisterTile.COLUMNS;
          FloatVector score = load(data, at).mul(scale);
          score.intoArray(data, at);
          VectorMask<Float> greater = score.compare(VectorOperators.GT, max);
          max = max.blend(score, masked ? greater.and(seeing(j)) : greater);
        }
        return max;
      }

      private VectorMask<Float> seeing(int key) {
        return queriesSeeing(query, key, window);
      }

      /**
       * Replaces the scores by exp(score - max).
       *
       * @param partial the sixteen partial sums of each query, to which the exponentials are added
       * @param lane the lane of the first query
       */
      void exponentials(FloatVector max, float[] partial, int lane) {
        exponentials(from, common, true, max, partial, lane);
        exponentials(common, causal, false, max, partial, lane);
        exponentials(causal, end, true, max, partial, lane);
      }

      private void exponentials(
          int first, int last, boolean masked, FloatVector max, float[] partial, int lane) {
        for (int j = first; j < last; j++) {
          int at = start + j * RegisterTile.COLUMNS;
          int sum = j % LaneSum.LANES * RegisterTile.COLUMNS + lane;
          FloatVector p = VectorMath.exp(load(data, at).sub(max));
          p.intoArray(data, at);
          FloatVector before = load(partial, sum);
          FloatVector after = before.add(p);
          (masked ? before.blend(after, seeing(j)) : after).intoArray(partial, sum);
        }
      }
    }
  }
}
