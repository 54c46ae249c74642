package io.github.wandacuda.forward.simd;

import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.reference.CpuForwardKernels;
import io.github.wandacuda.forward.reference.CpuTensor;
import io.github.wandacuda.forward.simd.blocks.PanelPacking;
import io.github.wandacuda.simd.LaneTranspose;
import io.github.wandacuda.simd.Lanes;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/**
 * Attention of the last queries of a sequence whose keys and values were kept. Keys and values are
 * read once, in the rows in which they lie, for all query heads that share them. Scores run across
 * keys in vectors, so some keys are turned in the first-level cache first; outputs run across
 * features. A {@link QueryBlock} would pack all keys and values, for a single query too.
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
    int members = (part.end - part.first) * group;
    int length = Math.ceilDiv(part.end, KEYS) * KEYS;
    keys = PanelPacking.grown(keys, size, KEYS);
    scores = PanelPacking.grown(scores, members, length);
    sums = PanelPacking.grown(sums, members, size);
    int start = part.sequence * shape.sequenceLength();
    for (int j = shape.firstKey(part.first) / KEYS * KEYS; j < part.end; j += KEYS) {
      turnKeys(k, start, j, Math.min(part.end, j + KEYS), part.shared * size, size);
      for (int member = 0; member < members; member++) {
        int at = q.at(part.row(shape, part.first + member / group));
        int head = part.shared * group + member % group;
        multiplyKeys(q.data(), at + head * size, size, member * length + j);
      }
    }
    for (int member = 0; member < members; member++) {
      int token = part.first + member / group;
      int head = part.shared * group + member % group;
      float sum = softmax.exponentials(scores, member * length, shape, keyBias, head, token);
      multiplyValues(v, start, part.shared * size, shape, token, member * length, member * size);
      int to = out.at(part.row(shape, token)) + head * size;
      for (int d = 0; d < size; d++) {
        out.data()[to + d] = sums[member * size + d] / sum;
      }
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

  private void multiplyValues(
      CpuTensor v, int start, int column, AttentionShape shape, int token, int p, int to) {
    int size = shape.headSize();
    int first = shape.firstKey(token);
    int firstRun = first / RUN * RUN;
    int wide = size / KEYS * KEYS;
    for (int run = firstRun; run <= token; run += RUN) {
      int from = Math.max(first, run);
      int count = Math.min(token + 1, run + RUN) - from;
      int at = v.at(start + from) + column;
      boolean add = run > firstRun;
      for (int d = 0; d < wide; d += KEYS) {
        fourVectors(v.data(), at + d, v.columns(), p + from, count, to + d, add);
      }
      for (int d = wide; d < size; d += Lanes.COUNT) {
        oneVector(v.data(), at + d, v.columns(), p + from, count, size - d, to + d, add);
      }
    }
  }

  private void fourVectors(float[] v, int at, int stride, int p, int count, int to, boolean add) {
    FloatVector c0 = FloatVector.zero(Lanes.FLOATS);
    FloatVector c1 = FloatVector.zero(Lanes.FLOATS);
    FloatVector c2 = FloatVector.zero(Lanes.FLOATS);
    FloatVector c3 = FloatVector.zero(Lanes.FLOATS);
    for (int j = 0; j < count; j++) {
      FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, scores[p + j]);
      int from = at + j * stride;
      c0 = factor.fma(load(v, from), c0);
      c1 = factor.fma(load(v, from + Lanes.COUNT), c1);
      c2 = factor.fma(load(v, from + 2 * Lanes.COUNT), c2);
      c3 = factor.fma(load(v, from + 3 * Lanes.COUNT), c3);
    }
    sum(c0, to, add);
    sum(c1, to + Lanes.COUNT, add);
    sum(c2, to + 2 * Lanes.COUNT, add);
    sum(c3, to + 3 * Lanes.COUNT, add);
  }

  private void sum(FloatVector chain, int to, boolean add) {
    (add ? load(sums, to).add(chain) : chain).intoArray(sums, to);
  }

  /** One vector of features, of which {@code features} or all are there. */
  private void oneVector(
      float[] v, int at, int stride, int p, int count, int features, int to, boolean add) {
    VectorMask<Float> there = Lanes.FLOATS.indexInRange(0, features);
    FloatVector chain = FloatVector.zero(Lanes.FLOATS);
    for (int j = 0; j < count; j++) {
      FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, scores[p + j]);
      chain = factor.fma(FloatVector.fromArray(Lanes.FLOATS, v, at + j * stride, there), chain);
    }
    FloatVector before = FloatVector.fromArray(Lanes.FLOATS, sums, to, there);
    (add ? before.add(chain) : chain).intoArray(sums, to, there);
  }

  private static FloatVector load(float[] data, int at) {
    return FloatVector.fromArray(Lanes.FLOATS, data, at);
  }
}
