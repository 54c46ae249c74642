package io.github.wandacuda.simd;

import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.system.WorkerPool;

/**
 * One sequence's keys and values in the order in which register tiles read them. The rows of the
 * keys' tiles are keys, so a tile holds {@link RegisterTile#ROWS} keys feature by feature. The rows
 * of the values' tiles are features, so a tile holds {@link RegisterTile#ROWS} features token by
 * token. The content of rows that pad a last tile is undefined.
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
    keys = PanelPacking.grown(keys, heads, RegisterTile.wholeRows(tokens) * headSize);
    values = PanelPacking.grown(values, heads, RegisterTile.wholeRows(headSize) * tokens);
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
      PanelPacking.stand(
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
