package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.load;

import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Exponential;
import io.github.wandacuda.scalar.LaneSum;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Attention of the last queries of a sequence whose keys and values were kept. Keys and values are
 * read once, in the rows in which they lie, for all query heads that share them. {@link QueryBlock}
 * would pack all keys and values first, even for a single query.
 *
 * <p>The time is that of reading them, so a part takes several heads that lie side by side: a
 * processor prefetches a row of kilobytes, but a few hundred bytes only when they are asked for.
 * Vectors of scores run across keys, so some keys at a time are transposed in the cache; vectors of
 * outputs run across features, see {@link KeptValues}.
 */
final class FewQueries {
  /** Queries that share a pass over the keys. */
  static final int QUERIES = 8;

  /**
   * A part takes as many heads as have so many features together, 2 KB of a row of keys; one at
   * least.
   */
  private static final int FEATURES = 512;

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
   * The queries and heads of a task. Its members, each a query and a head, are the rows of scores:
   * ordered by key and value heads, then by tokens, then by the query heads that share those.
   *
   * @param sequence the sequence's number
   * @param shared the first key and value head
   * @param sharedEnd one past the last key and value head
   * @param first the first query, as a token of the sequence
   * @param end one past the last query
   */
  record Part(int sequence, int shared, int sharedEnd, int first, int end) {
    int sharedHeads() {
      return sharedEnd - shared;
    }

    int members(AttentionShape shape) {
      return sharedHeads() * (end - first) * group(shape);
    }

    /** Returns the number of a member's key and value head among those of the part. */
    int place(AttentionShape shape, int member) {
      return member / group(shape) / (end - first);
    }

    int token(AttentionShape shape, int member) {
      return first + member / group(shape) % (end - first);
    }

    int head(AttentionShape shape, int member) {
      return (shared + place(shape, member)) * group(shape) + member % group(shape);
    }

    /** Returns the row of a member's query and of its output. */
    int row(AttentionShape shape, int member) {
      return sequence * shape.queries() + token(shape, member) - shape.past();
    }

    /** Returns how many query heads share a key and value head. */
    static int group(AttentionShape shape) {
      return shape.heads() / shape.keyValueHeads();
    }
  }

  /**
   * Returns how many key and value heads a part takes; fewer if there would be too few parts for
   * all workers.
   */
  static int sharedHeads(AttentionShape shape, int workers) {
    int share = Math.ceilDiv(shape.keyValueHeads(), workers);
    return Math.clamp(FEATURES / shape.headSize(), 1, share);
  }

  /** Computes a part. */
  void attend(AttentionOperands<CpuTensor> operands, Part part) {
    AttentionShape shape = operands.shape();
    CpuTensor q = operands.q();
    CpuTensor out = operands.out();
    int size = shape.headSize();
    int width = part.sharedHeads() * size;
    int members = part.members(shape);
    int length = Math.ceilDiv(part.end, KEYS) * KEYS;
    keys = RegisterTile.grown(keys, width, KEYS);
    scores = RegisterTile.grown(scores, members, length);
    sums = RegisterTile.grown(sums, members, 1);
    int start = part.sequence * shape.sequenceLength();
    for (int j = shape.firstKey(part.first) / KEYS * KEYS; j < part.end; j += KEYS) {
      turnKeys(operands.k(), start, j, Math.min(part.end, j + KEYS), part.shared * size, width);
      for (int member = 0; member < members; member++) {
        int at = q.at(part.row(shape, member)) + part.head(shape, member) * size;
        int from = part.place(shape, member) * size * KEYS;
        multiplyKeys(q.data(), at, from, size, member * length + j);
      }
    }
    for (int member = 0; member < members; member++) {
      int head = part.head(shape, member);
      int token = part.token(shape, member);
      sums[member] = softmax.exponentials(scores, member * length, operands, head, token);
    }
    values.multiply(operands.v(), scores, length, shape, part);
    for (int member = 0; member < members; member++) {
      int to = out.at(part.row(shape, member)) + part.head(shape, member) * size;
      values.divide(member, size, sums[member], out.data(), to);
    }
  }

  /**
   * Transposes keys of a tile: writes them feature by feature. Lanes from {@code end} on have
   * undefined content.
   */
  private void turnKeys(CpuTensor k, int start, int from, int end, int column, int width) {
    for (int j = from; j < end; j += Lanes.COUNT) {
      int at = k.at(start + j) + column;
      int count = Math.min(Lanes.COUNT, end - j);
      int whole = count == Lanes.COUNT ? Lanes.FLOATS.loopBound(width) : 0;
      for (int d = 0; d < whole; d += Lanes.COUNT) {
        turn.square(k.data(), at + d, k.columns(), keys, d * KEYS + j - from, KEYS);
      }
      RegisterTile.stand(
          k.data(),
          at + whole,
          k.columns(),
          count,
          width - whole,
          keys,
          whole * KEYS + j - from,
          KEYS);
    }
  }

  private void multiplyKeys(float[] q, int at, int key, int size, int to) {
    for (int run = 0; run < size; run += RUN) {
      int end = Math.min(size, run + RUN);
      FloatVector c0 = FloatVector.zero(Lanes.FLOATS);
      FloatVector c1 = FloatVector.zero(Lanes.FLOATS);
      FloatVector c2 = FloatVector.zero(Lanes.FLOATS);
      FloatVector c3 = FloatVector.zero(Lanes.FLOATS);
      for (int d = run; d < end; d++) {
        FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, q[at + d]);
        int from = key + d * KEYS;
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

  /** The softmax of the scores of one query, which lie side by side. */
  private static final class KeyScores {
    private static final FloatVector INDEX = (FloatVector) Lanes.FLOATS.broadcast(0).addIndex(1);

    private final float[] lanes = new float[LaneSum.LANES];

    /**
     * Turns products of a query and keys into exponentials: scales, bounds and biases the scores of
     * keys that a token sees, and replaces each by exp(score - max).
     *
     * @param scores products of the query and the keys, with room for a multiple of sixteen keys
     * @param at the index of the score of the sequence's first key
     * @param head the query head
     * @param token the query's token
     * @return the sum of the exponentials, the sink's included
     */
    float exponentials(
        float[] scores, int at, AttentionOperands<CpuTensor> operands, int head, int token) {
      AttentionShape shape = operands.shape();
      CpuTensor keyBias = operands.keyBias();
      CpuTensor sinks = operands.sinks();
      float sink = sinks == null ? Float.NEGATIVE_INFINITY : sinks.data()[sinks.at(0) + head];
      int first = shape.firstKey(token);
      int start = first / LaneSum.LANES * LaneSum.LANES;
      FloatVector max = FloatVector.broadcast(Lanes.FLOATS, sink);
      for (int j = start; j <= token; j += Lanes.COUNT) {
        FloatVector score = load(scores, at + j).mul(shape.scale());
        if (shape.softcap() > 0) {
          score = VectorMath.softcap(score, shape.softcap());
        }
        VectorMask<Float> seen = seen(j, first, token);
        if (keyBias != null) {
          int bias = keyBias.at(head) + j;
          score = score.add(FloatVector.fromArray(Lanes.FLOATS, keyBias.data(), bias, seen));
        }
        score.intoArray(scores, at + j);
        max = max.blend(score, score.compare(VectorOperators.GT, max).and(seen));
      }
      float highest = max.reduceLanes(VectorOperators.MAX);
      Arrays.fill(lanes, 0f);
      for (int j = start; j <= token; j += Lanes.COUNT) {
        FloatVector p = VectorMath.exp(load(scores, at + j).sub(highest));
        p.intoArray(scores, at + j);
        int lane = j % LaneSum.LANES;
        FloatVector before = load(lanes, lane);
        before.blend(before.add(p), seen(j, first, token)).intoArray(lanes, lane);
      }
      float sum = LaneSum.combine(lanes);
      return sinks == null ? sum : sum + Exponential.exp(sink - highest);
    }

    /** Returns the lanes, of the keys from {@code j} on, whose keys a token sees. */
    private static VectorMask<Float> seen(int j, int first, int token) {
      return INDEX
          .compare(VectorOperators.GE, (float) (first - j))
          .and(INDEX.compare(VectorOperators.LE, (float) (token - j)));
    }
  }

  /**
   * Sums of kept values, weighted by each key's weight, for the queries and heads that share them.
   * Some rows at a time are copied to the first-level cache: in place they lie a power of two
   * apart, so that few of them would stay in any cache for the next head.
   */
  private static final class KeptValues {
    private static final int W = Lanes.COUNT;

    /** Keys whose values are copied: 32 KB of 128 features. */
    private static final int KEYS = 64;

    /** Query heads that are computed in one pass over the values. */
    private static final int HEADS = 4;

    private float[] values = {};
    private float[] chains = {};
    private float[] sums = {};

    /**
     * Computes the sums.
     *
     * @param weights a row for each member of the part, {@code length} long, a weight for each of
     *     the sequence's keys
     */
    void multiply(
        CpuTensor v, float[] weights, int length, AttentionShape shape, FewQueries.Part part) {
      int size = shape.headSize();
      int members = part.members(shape);
      values = RegisterTile.grown(values, part.sharedHeads() * KEYS, size);
      chains = RegisterTile.grown(chains, members, size);
      sums = RegisterTile.grown(sums, members, size);
      int row = part.sequence() * shape.sequenceLength();
      int first = shape.firstKey(part.first());
      for (int run = first / RUN * RUN; run < part.end(); run += RUN) {
        int end = Math.min(part.end(), run + RUN);
        Arrays.fill(chains, 0, members * size, 0f);
        for (int from = Math.max(first, run); from < end; from += KEYS) {
          int to = Math.min(end, from + KEYS);
          copy(v, row + from, to - from, size, part);
          multiply(weights, length, shape, part, from, to);
        }
        add(shape, part, run);
      }
    }

    /** Copies some rows, head by head. */
    private void copy(CpuTensor v, int row, int count, int size, FewQueries.Part part) {
      for (int j = 0; j < count; j++) {
        int from = v.at(row + j) + part.shared() * size;
        for (int head = 0; head < part.sharedHeads(); head++) {
          int to = (head * KEYS + j) * size;
          System.arraycopy(v.data(), from + head * size, values, to, size);
        }
      }
    }

    /**
     * Continues all chains with the values that were copied.
     *
     * @param weights a row for each member of the part
     * @param length elements of a row of weights
     * @param from the first key
     * @param to one past the last key
     */
    private void multiply(
        float[] weights, int length, AttentionShape shape, FewQueries.Part part, int from, int to) {
      int size = shape.headSize();
      int group = FewQueries.Part.group(shape);
      int heads;
      for (int member = 0; member < part.members(shape); member += heads) {
        heads = member % group + HEADS <= group ? HEADS : 1;
        int token = part.token(shape, member);
        int first = Math.max(from, shape.firstKey(token));
        int count = Math.min(to, token + 1) - first;
        int at = (part.place(shape, member) * KEYS + first - from) * size;
        int weight = member * length + first;
        int wide = heads == HEADS ? size / (2 * W) * (2 * W) : 0;
        for (int d = 0; d < wide; d += 2 * W) {
          fourHeads(at + d, size, weights, weight, length, count, member * size + d);
        }
        for (int head = 0; head < heads; head++) {
          int chain = (member + head) * size;
          oneHead(at, wide, size, weights, weight + head * length, count, chain);
        }
      }
    }

    /** Two vectors of features of four heads; {@code count} may be negative for none. */
    private void fourHeads(
        int at, int size, float[] weights, int weight, int length, int count, int to) {
      FloatVector a0 = load(chains, to);
      FloatVector a1 = load(chains, to + W);
      FloatVector b0 = load(chains, to + size);
      FloatVector b1 = load(chains, to + size + W);
      FloatVector c0 = load(chains, to + 2 * size);
      FloatVector c1 = load(chains, to + 2 * size + W);
      FloatVector d0 = load(chains, to + 3 * size);
      FloatVector d1 = load(chains, to + 3 * size + W);
      for (int j = 0; j < count; j++) {
        FloatVector v0 = load(values, at + j * size);
        FloatVector v1 = load(values, at + j * size + W);
        FloatVector a = FloatVector.broadcast(Lanes.FLOATS, weights[weight + j]);
        FloatVector b = FloatVector.broadcast(Lanes.FLOATS, weights[weight + length + j]);
        FloatVector c = FloatVector.broadcast(Lanes.FLOATS, weights[weight + 2 * length + j]);
        FloatVector d = FloatVector.broadcast(Lanes.FLOATS, weights[weight + 3 * length + j]);
        a0 = a.fma(v0, a0);
        a1 = a.fma(v1, a1);
        b0 = b.fma(v0, b0);
        b1 = b.fma(v1, b1);
        c0 = c.fma(v0, c0);
        c1 = c.fma(v1, c1);
        d0 = d.fma(v0, d0);
        d1 = d.fma(v1, d1);
      }
      a0.intoArray(chains, to);
      a1.intoArray(chains, to + W);
      b0.intoArray(chains, to + size);
      b1.intoArray(chains, to + size + W);
      c0.intoArray(chains, to + 2 * size);
      c1.intoArray(chains, to + 2 * size + W);
      d0.intoArray(chains, to + 3 * size);
      d1.intoArray(chains, to + 3 * size + W);
    }

    private void oneHead(
        int at, int feature, int size, float[] weights, int weight, int count, int to) {
      int d = feature;
      for (; d + 4 * W <= size; d += 4 * W) {
        fourVectors(at + d, size, weights, weight, count, to + d);
      }
      for (; d < size; d += W) {
        oneVector(at + d, size, size - d, weights, weight, count, to + d);
      }
    }

    private void fourVectors(int at, int size, float[] weights, int weight, int count, int to) {
      FloatVector c0 = load(chains, to);
      FloatVector c1 = load(chains, to + W);
      FloatVector c2 = load(chains, to + 2 * W);
      FloatVector c3 = load(chains, to + 3 * W);
      for (int j = 0; j < count; j++) {
        FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, weights[weight + j]);
        int from = at + j * size;
        c0 = factor.fma(load(values, from), c0);
        c1 = factor.fma(load(values, from + W), c1);
        c2 = factor.fma(load(values, from + 2 * W), c2);
        c3 = factor.fma(load(values, from + 3 * W), c3);
      }
      c0.intoArray(chains, to);
      c1.intoArray(chains, to + W);
      c2.intoArray(chains, to + 2 * W);
      c3.intoArray(chains, to + 3 * W);
    }

    /** One vector of features, of which {@code features} or all are there. */
    private void oneVector(
        int at, int size, int features, float[] weights, int weight, int count, int to) {
      VectorMask<Float> there = Lanes.FLOATS.indexInRange(0, features);
      FloatVector chain = FloatVector.fromArray(Lanes.FLOATS, chains, to, there);
      for (int j = 0; j < count; j++) {
        FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, weights[weight + j]);
        chain =
            factor.fma(FloatVector.fromArray(Lanes.FLOATS, values, at + j * size, there), chain);
      }
      chain.intoArray(chains, to, there);
    }

    /** Adds a run's chains to the sums; the first run that a token sees begins them. */
    private void add(AttentionShape shape, FewQueries.Part part, int run) {
      int size = shape.headSize();
      for (int member = 0; member < part.members(shape); member++) {
        int token = part.token(shape, member);
        int firstRun = shape.firstKey(token) / RUN * RUN;
        if (run == firstRun) {
          System.arraycopy(chains, member * size, sums, member * size, size);
        } else if (run > firstRun && run <= token) {
          for (int i = member * size; i < (member + 1) * size; i++) {
            sums[i] += chains[i];
          }
        }
      }
    }

    /** Writes a member's sums, divided. */
    void divide(int member, int size, float divisor, float[] to, int at) {
      for (int d = 0; d < size; d++) {
        to[at + d] = sums[member * size + d] / divisor;
      }
    }
  }
}
