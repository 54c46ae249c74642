package io.github.wandacuda.simd;

import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.system.WorkerPool;

/**
 * Attention sequence by sequence. For whole sequences, all workers pack the keys and values; then
 * each task takes one head and a block of its queries. If keys and values were kept and a few
 * queries are new, a task takes some of these queries and some heads of keys and values, with the
 * query heads that share them.
 */
final class VectorAttention {
  private final AttentionPanels panels = new AttentionPanels();
  private final WorkerLocal<QueryBlock> blocks = new WorkerLocal<>(() -> new QueryBlock(panels));
  private final WorkerLocal<FewQueries> few = new WorkerLocal<>(FewQueries::new);

  void attention(AttentionOperands<CpuTensor> operands, WorkerPool workers) {
    AttentionShape shape = operands.shape();
    if (shape.past() > 0) {
      extend(operands, workers);
      return;
    }
    blocks.prepare(workers);
    int parts = Math.ceilDiv(shape.sequenceLength(), QueryBlock.QUERIES);
    for (int start = 0; start < operands.q().rows(); start += shape.sequenceLength()) {
      int first = start;
      panels.pack(operands.k(), operands.v(), shape, start, workers);
      workers.run(
          shape.heads() * parts,
          (worker, task) -> {
            // The last queries see the most keys, so they come first and the last tasks are short.
            int part = parts - 1 - task % parts;
            blocks.of(worker).attend(operands, first, task / parts, part);
          });
    }
  }

  private void extend(AttentionOperands<CpuTensor> operands, WorkerPool workers) {
    AttentionShape shape = operands.shape();
    few.prepare(workers);
    int together = FewQueries.sharedHeads(shape, workers.count());
    int groups = Math.ceilDiv(shape.keyValueHeads(), together);
    int parts = Math.ceilDiv(shape.queries(), FewQueries.QUERIES);
    workers.run(
        operands.q().rows() / shape.queries() * parts * groups,
        (worker, task) -> {
          int head = task % groups * together;
          int headEnd = Math.min(shape.keyValueHeads(), head + together);
          int first = shape.past() + task / groups % parts * FewQueries.QUERIES;
          int end = Math.min(shape.sequenceLength(), first + FewQueries.QUERIES);
          FewQueries.Part part =
              new FewQueries.Part(task / groups / parts, head, headEnd, first, end);
          few.of(worker).attend(operands, part);
        });
  }

  /**
   * One sequence's keys and values in the order in which register tiles read them. The rows of the
   * keys' tiles are keys, so a tile holds {@link RegisterTile#ROWS} keys feature by feature. The
   * rows of the values' tiles are features, so a tile holds {@link RegisterTile#ROWS} features
   * token by token. The content of rows that pad a last tile is undefined.
   */
  final class AttentionPanels {
    /** Tokens of a packing task, a multiple of either tile's rows. */
    private static final int TOKENS_PER_TASK = 32 * RegisterTile.ROWS;

    private float[] keys = {};
    private float[] values = {};
    private int tokens;
    private int headSize;

    /** Copies the sequence that begins in row {@code start}. */
    void pack(CpuTensor k, CpuTensor v, AttentionShape shape, int start, WorkerPool workers) {
      tokens = shape.sequenceLength();
      headSize = shape.headSize();
      int heads = shape.keyValueHeads();
      keys = RegisterTile.grown(keys, heads, RegisterTile.wholeRows(tokens) * headSize);
      values = RegisterTile.grown(values, heads, RegisterTile.wholeRows(headSize) * tokens);
      int parts = Math.ceilDiv(tokens, TOKENS_PER_TASK);
      workers.run(
          heads * parts,
          (worker, task) -> {
            int head = task / parts;
            int from = task % parts * TOKENS_PER_TASK;
            int to = Math.min(tokens, from + TOKENS_PER_TASK);
            packKeys(k, start, head, from, to);
            packValues(v, start, head, from, to);
          });
    }

    private void packKeys(CpuTensor k, int start, int head, int from, int to) {
      for (int j = from; j < to; j += RegisterTile.ROWS) {
        int rows = Math.min(RegisterTile.ROWS, to - j);
        int at = k.at(start + j) + head * headSize;
        RegisterTile.stand(
            k.data(), at, k.columns(), rows, headSize, keys, keyAt(head, j), RegisterTile.ROWS);
      }
    }

    private void packValues(CpuTensor v, int start, int head, int from, int to) {
      for (int d = 0; d < headSize; d += RegisterTile.ROWS) {
        int features = Math.min(RegisterTile.ROWS, headSize - d);
        int at = valueAt(head, d);
        for (int j = from; j < to; j++) {
          int source = v.at(start + j) + head * headSize + d;
          for (int i = 0; i < features; i++) {
            values[at + j * RegisterTile.ROWS + i] = v.data()[source + i];
          }
        }
      }
    }

    float[] keys() {
      return keys;
    }

    float[] values() {
      return values;
    }

    /** Returns the offset of the tile of keys whose first key is token {@code j}'s. */
    int keyAt(int head, int j) {
      return (head * RegisterTile.wholeRows(tokens) + j) * headSize;
    }

    /** Returns the offset of the tile of values whose first feature is {@code d}, at token 0. */
    int valueAt(int head, int d) {
      return (head * RegisterTile.wholeRows(headSize) + d) * tokens;
    }
  }
}
