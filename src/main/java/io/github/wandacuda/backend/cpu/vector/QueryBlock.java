package io.github.wandacuda.backend.cpu.vector;

import io.github.wandacuda.backend.AttentionShape;
import io.github.wandacuda.backend.cpu.CpuTensor;
import io.github.wandacuda.backend.cpu.ForwardKernels;

/**
 * Attention of a block of one head's queries. Everything is turned: scores are [keys, queries] and
 * the result is [features, queries], so that vectors lie along queries in both matrix products and
 * in the softmax between them, and what one writes is what the next one reads.
 *
 * <p>Queries come in groups of {@link Tile#COLUMNS}, which divides {@link ForwardKernels#RUN}: all
 * queries of a group have their last key in the same run.
 */
final class QueryBlock {
  /** Queries of a block: scores of 256 bytes a key. */
  static final int QUERIES = 64;

  private static final int RUN = ForwardKernels.RUN;

  /** Keys that stay in the second-level cache while the block's queries pass. */
  private static final int KEYS_PER_PASS = 16 * Tile.ROWS;

  private final AttentionPanels panels;
  private final TileMatrix scores = new TileMatrix();
  private final TileMatrix sums = new TileMatrix();
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
   * @param part which block of {@link #QUERIES} queries of the sequence
   */
  void attend(CpuTensor q, AttentionShape shape, int start, int head, int part, CpuTensor out) {
    int first = part * QUERIES;
    int end = Math.min(shape.sequenceLength(), first + QUERIES);
    int shared = head / (shape.heads() / shape.keyValueHeads());
    int size = shape.headSize();
    scores.reshape(end, end - first);
    sums.reshape(size, end - first);
    packQueries(q, size, start, head, first, end);
    multiplyKeys(shared, size, first, end);
    for (int group = first; group < end; group += Tile.COLUMNS) {
      int column = group - first;
      softmax.exponentials(scores, column, group, end, shape.scale());
      multiplyValues(shared, size, column, group, end);
      softmax.divide(sums, column, size);
    }
    sums.copyTurnedTo(out, start + first, head * size);
  }

  private void packQueries(CpuTensor q, int size, int start, int head, int first, int end) {
    queries = Packing.grown(queries, QUERIES, size);
    for (int group = first; group < end; group += Tile.COLUMNS) {
      int count = Math.min(Tile.COLUMNS, end - group);
      int at = q.at(start + group) + head * size;
      int to = (group - first) * size;
      Packing.stand(q.data(), at, q.columns(), count, size, queries, to, Tile.COLUMNS);
    }
  }

  private void multiplyKeys(int head, int size, int first, int end) {
    for (int key = 0; key < end; key += KEYS_PER_PASS) {
      for (int group = first; group < end; group += Tile.COLUMNS) {
        int seen = Math.min(end, group + Tile.COLUMNS);
        int keyEnd = Math.min(seen, key + KEYS_PER_PASS);
        for (int j = key; j < keyEnd; j += Tile.ROWS) {
          multiplyTile(panels.keyAt(head, j), size, j, group - first);
        }
      }
    }
  }

  private void multiplyTile(int keys, int size, int j, int column) {
    int at = scores.at(j, column);
    for (int run = 0; run < size; run += RUN) {
      Tile.multiply(
          panels.keys(),
          keys + run * Tile.ROWS,
          queries,
          column * size + run * Tile.COLUMNS,
          Math.min(RUN, size - run),
          run == 0 ? Tile.NOTHING : scores.data(),
          run == 0 ? 0 : at,
          scores.data(),
          at);
    }
  }

  private void multiplyValues(int head, int size, int column, int group, int end) {
    int last = group / RUN * RUN;
    for (int run = 0; run <= last; run += RUN) {
      for (int d = 0; d < size; d += Tile.ROWS) {
        int values = panels.valueAt(head, d);
        int at = sums.at(d, column);
        if (run < last) {
          Tile.multiply(
              panels.values(),
              values + run * Tile.ROWS,
              scores.data(),
              scores.at(run, column),
              RUN,
              run == 0 ? Tile.NOTHING : sums.data(),
              run == 0 ? 0 : at,
              sums.data(),
              at);
        } else {
          diagonal.multiply(
              panels.values(),
              values,
              scores,
              column,
              new CausalTile.Keys(run, group, end),
              sums.data(),
              at);
        }
      }
    }
  }
}
