package io.github.wandacuda.forward.simd;

import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.reference.CpuForwardKernels;
import io.github.wandacuda.forward.reference.CpuTensor;
import io.github.wandacuda.forward.simd.blocks.PanelPacking;
import io.github.wandacuda.simd.LaneTranspose;
import io.github.wandacuda.simd.Lanes;
import jdk.incubator.vector.FloatVector;

/**
 * Attention of the last queries of a sequence whose keys and values were kept. Keys and values are
 * read once, in the rows in which they lie, for all query heads that share them. Scores run across
 * keys in vectors, so some keys are turned in the first-level cache first; outputs run across
 * features, by {@link KeptValues}. A {@link QueryBlock} would pack all keys and values, for a
 * single query too.
 */
final class FewQueries {
  /** Queries that share a pass over the keys. */
  static final int QUERIES = 8;

  private static final int RUN = CpuForwardKernels.RUN;
  private static final int VECTORS = 4;

  /** Keys of a tile. */
  private static final int KEYS = VECTORS * Lanes.COUNT;

  private final LaneTranspose turn = new LaneTranspose();
  private final KeyScores softmax = new KeyScores();
  private float[] keys = {};
  private final KeptValues values = new KeptValues();
  private float[] scores = {};
  private float[] sums = {};

  /**
   * The queries of a call.
   *
   * @param shared the key and value head
   * @param first the sequence's first query that is computed, a token
   * @param end the token after the last one
   */
  record Part(int sequence, int shared, int first, int end) {
    /** Returns how many rows of scores there are: one for each query and head. */
    int members(AttentionShape shape) {
      return (end - first) * (shape.heads() / shape.keyValueHeads());
    }

    /** Returns the token of a row of scores. */
    int token(AttentionShape shape, int member) {
      return first + member / (shape.heads() / shape.keyValueHeads());
    }

    /** Returns the row of a token's query. */
    int row(AttentionShape shape, int token) {
      return sequence * shape.queries() + token - shape.past();
    }
  }

  /** Computes the outputs of all query heads that share a key and value head. */
  void attend(
      CpuTensor q,
      CpuTensor k,
      CpuTensor v,
      AttentionShape shape,
      CpuTensor keyBias,
      Part part,
      CpuTensor out) {
    int size = shape.headSize();
    int group = shape.heads() / shape.keyValueHeads();
    int members = part.members(shape);
    int length = Math.ceilDiv(part.end, KEYS) * KEYS;
    keys = PanelPacking.grown(keys, size, KEYS);
    scores = PanelPacking.grown(scores, members, length);
    sums = PanelPacking.grown(sums, members, 1);
    int start = part.sequence * shape.sequenceLength();
    for (int j = shape.firstKey(part.first) / KEYS * KEYS; j < part.end; j += KEYS) {
      turnKeys(k, start, j, Math.min(part.end, j + KEYS), part.shared * size, size);
      for (int member = 0; member < members; member++) {
        int at = q.at(part.row(shape, part.token(shape, member)));
        int head = part.shared * group + member % group;
        multiplyKeys(q.data(), at + head * size, size, member * length + j);
      }
    }
    for (int member = 0; member < members; member++) {
      int head = part.shared * group + member % group;
      int token = part.token(shape, member);
      sums[member] = softmax.exponentials(scores, member * length, shape, keyBias, head, token);
    }
    values.multiply(v, scores, length, shape, part);
    for (int member = 0; member < members; member++) {
      int head = part.shared * group + member % group;
      int to = out.at(part.row(shape, part.token(shape, member))) + head * size;
      values.divide(member, size, sums[member], out.data(), to);
    }
  }

  /** Writes keys feature by feature; the content of lanes from {@code end} on is undefined. */
  private void turnKeys(CpuTensor k, int start, int from, int end, int column, int size) {
    for (int j = from; j < end; j += Lanes.COUNT) {
      int at = k.at(start + j) + column;
      int count = Math.min(Lanes.COUNT, end - j);
      int whole = count == Lanes.COUNT ? Lanes.FLOATS.loopBound(size) : 0;
      for (int d = 0; d < whole; d += Lanes.COUNT) {
        turn.square(k.data(), at + d, k.columns(), keys, d * KEYS + j - from, KEYS);
      }
      PanelPacking.stand(
          k.data(),
          at + whole,
          k.columns(),
          count,
          size - whole,
          keys,
          whole * KEYS + j - from,
          KEYS);
    }
  }

  private void multiplyKeys(float[] q, int at, int size, int to) {
    for (int run = 0; run < size; run += RUN) {
      int end = Math.min(size, run + RUN);
      FloatVector c0 = FloatVector.zero(Lanes.FLOATS);
      FloatVector c1 = FloatVector.zero(Lanes.FLOATS);
      FloatVector c2 = FloatVector.zero(Lanes.FLOATS);
      FloatVector c3 = FloatVector.zero(Lanes.FLOATS);
      for (int d = run; d < end; d++) {
        FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, q[at + d]);
        int from = d * KEYS;
        c0 = factor.fma(load(keys, from), c0);
        c1 = factor.fma(load(keys, from + Lanes.COUNT), c1);
        c2 = factor.fma(load(keys, from + 2 * Lanes.COUNT), c2);
        c3 = factor.fma(load(keys, from + 3 * Lanes.COUNT), c3);
      }
      put(c0, to, run > 0);
      put(c1, to + Lanes.COUNT, run > 0);
      put(c2, to + 2 * Lanes.COUNT, run > 0);
      put(c3, to + 3 * Lanes.COUNT, run > 0);
    }
  }

  private void put(FloatVector chain, int to, boolean add) {
    (add ? load(scores, to).add(chain) : chain).intoArray(scores, to);
  }

  private static FloatVector load(float[] data, int at) {
    return FloatVector.fromArray(Lanes.FLOATS, data, at);
  }
}
