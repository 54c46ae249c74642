package io.github.wandacuda.simd;

import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;

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
    queries = PanelPacking.grown(queries, QUERIES, size);
    for (int group = first; group < end; group += RegisterTile.COLUMNS) {
      int count = Math.min(RegisterTile.COLUMNS, end - group);
      int at = q.at(start + group) + head * size;
      int to = (group - first) * size;
      PanelPacking.stand(q.data(), at, q.columns(), count, size, queries, to, RegisterTile.COLUMNS);
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
          run == 0 ? RegisterTile.NOTHING : scores.data(),
          run == 0 ? 0 : at,
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
          first ? RegisterTile.NOTHING : sums.data(),
          first ? 0 : at,
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
}
