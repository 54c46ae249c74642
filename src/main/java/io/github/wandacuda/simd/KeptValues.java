package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.load;

import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/**
 * Sums of kept values, each times a key's weight, for the queries and heads that share them. Some
 * rows at a time are copied to the first-level cache: where they lie, a power of two apart, few of
 * them would stay in any cache for the next head.
 */
final class KeptValues {
  private static final int W = Lanes.COUNT;
  private static final int RUN = CpuForwardKernels.RUN;

  /** Keys whose values are copied: 32 KB of 128 features. */
  private static final int KEYS = 64;

  /** Heads that one pass over values is for. */
  private static final int HEADS = 4;

  private float[] values = {};
  private float[] chains = {};
  private float[] sums = {};

  /**
   * Computes the sums.
   *
   * @param weights a row for each member of the part, {@code length} long, a weight for each of the
   *     sequence's keys
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

  /** Goes on with all chains by the values that were copied. */
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
      chain = factor.fma(FloatVector.fromArray(Lanes.FLOATS, values, at + j * size, there), chain);
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
