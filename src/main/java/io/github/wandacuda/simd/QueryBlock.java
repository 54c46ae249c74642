package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.constant;
import static io.github.wandacuda.simd.Lanes.load;

import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import jdk.incubator.vector.FloatVector;

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

  private final VectorAttention.AttentionPanels panels;
  private final RegisterTileSums scores = new RegisterTileSums();
  private final RegisterTileSums sums = new RegisterTileSums();
  private final ColumnSoftmax softmax = new ColumnSoftmax();
  private final float[] chain = new float[RegisterTile.ROWS * RegisterTile.COLUMNS];
  private float[] queries = {};

  QueryBlock(VectorAttention.AttentionPanels panels) {
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
    softmax.reshape(shape, operands.keyBias(), head);
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
    float[] s = scores.data();
    int at = scores.at(j, column);
    for (int run = 0; run < size; run += RUN) {
      int key = keys + run * RegisterTile.ROWS;
      int query = column * size + run * RegisterTile.COLUMNS;
      int depth = Math.min(RUN, size - run);
      RegisterTile.multiply(panels.keys(), key, queries, query, depth, run == 0, s, at);
    }
  }

  private void multiplyValues(int head, AttentionShape shape, int column, int group, int end) {
    int firstKey = shape.firstKey(group);
    int commonKey = shape.firstKey(group + RegisterTile.COLUMNS - 1);
    int keyEnd = Math.min(end, group + RegisterTile.COLUMNS);
    int firstRun = firstKey / RUN * RUN;
    for (int run = firstRun; run < keyEnd; run += RUN) {
      boolean first = run == firstRun;
      if (commonKey <= run && run + RUN <= group) {
        multiplyRun(head, column, run, first);
      } else {
        int from = Math.max(run, firstKey);
        int to = Math.min(run + RUN, keyEnd);
        int hidden = commonKey > run ? from : group + 1;
        multiplyMasked(head, column, group, run, from, hidden, to, shape.window(), first);
      }
    }
  }

  private void multiplyRun(int head, int column, int run, boolean first) {
    float[] p = scores.data();
    int weight = scores.at(run, column);
    for (int d = 0; d < sums.rows(); d += RegisterTile.ROWS) {
      int from = panels.valueAt(head, d) + run * RegisterTile.ROWS;
      int at = sums.at(d, column);
      RegisterTile.multiply(panels.values(), from, p, weight, RUN, first, sums.data(), at);
    }
  }

  /**
   * A run of keys in which the window of some queries of a group begins, or the group's own keys
   * are, so that not all queries see all of its keys. A key that isn't seen is skipped instead of
   * multiplied by 0, since its value may be infinite or NaN.
   *
   * @param from the first key that some query sees
   * @param hidden the first key that some query doesn't see
   * @param to the key after the last one
   * @param begins whether this is the first run
   */
  private void multiplyMasked(
      int head,
      int column,
      int group,
      int run,
      int from,
      int hidden,
      int to,
      int window,
      boolean begins) {
    float[] values = panels.values();
    float[] weights = scores.data();
    long firstWithout = window == 0 ? Long.MAX_VALUE : (long) run + RUN + window - 1;
    for (int d = 0; d < sums.rows(); d += RegisterTile.ROWS) {
      int start = panels.valueAt(head, d);
      int first = start + from * RegisterTile.ROWS;
      int weight = scores.at(from, column);
      RegisterTile.multiply(values, first, weights, weight, hidden - from, true, chain, 0);
      int sum = sums.at(d, column);
      for (int at = 0; at < chain.length; at += Lanes.COUNT) {
        int lane = at % RegisterTile.COLUMNS;
        int query = group + lane;
        int value = start + at / RegisterTile.COLUMNS;
        FloatVector total = load(chain, at);
        for (int j = hidden; j < to; j++) {
          FloatVector p = load(weights, scores.at(j, column) + lane);
          FloatVector next = p.fma(constant(values[value + j * RegisterTile.ROWS]), total);
          total = total.blend(next, ColumnSoftmax.seeing(query, j, window));
        }
        // For a query that sees no key of the run -0 is added, which changes no sum.
        FloatVector added = constant(-0f).blend(total, ColumnSoftmax.before(query, firstWithout));
        (begins ? added : load(sums.data(), sum + at).add(added)).intoArray(sums.data(), sum + at);
      }
    }
  }
}
