package io.github.wandacuda.scalar;

import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.system.WorkerPool;

/** Attention as plain loops, one head of one token at a time. */
record ScalarAttention(
    CpuTensor q, CpuTensor k, CpuTensor v, AttentionShape shape, CpuTensor keyBias, CpuTensor out) {
  static void attention(AttentionOperands<CpuTensor> of, WorkerPool workers) {
    AttentionShape shape = of.shape();
    ScalarAttention attention =
        new ScalarAttention(of.q(), of.k(), of.v(), shape, of.keyBias(), of.out());
    workers.run(
        of.q().rows() / shape.queries() * shape.heads(),
        (worker, task) -> {
          float[] p = new float[shape.sequenceLength()];
          for (int i = shape.past(); i < shape.sequenceLength(); i++) {
            attention.attend(task / shape.heads(), i, task % shape.heads(), p);
          }
        });
  }

  /**
   * Computes attention of one head of token {@code i} of a sequence.
   *
   * @param p memory for a score of each of the sequence's keys
   */
  private void attend(int sequence, int i, int head, float[] p) {
    int start = sequence * shape.sequenceLength();
    int query = sequence * shape.queries() + i - shape.past();
    int size = shape.headSize();
    int column = head * size;
    int shared = head / (shape.heads() / shape.keyValueHeads()) * size;
    int first = shape.firstKey(i);
    float max = Float.NEGATIVE_INFINITY;
    for (int j = first; j <= i; j++) {
      float product =
          ScalarForward.dot(
              q.data(), q.at(query) + column, k.data(), k.at(start + j) + shared, size);
      p[j] = score(product, head, j);
      max = p[j] > max ? p[j] : max;
    }
    float sum = exponentials(p, first, i, max);
    for (int d = 0; d < size; d++) {
      float total = weighted(p, first, i, start, shared + d);
      out.data()[out.at(query) + column + d] = total / sum;
    }
  }

  private float score(float product, int head, int j) {
    float score = product * shape.scale();
    if (shape.softcap() > 0) {
      score = shape.softcap() * Tanh.of(score / shape.softcap());
    }
    return keyBias == null ? score : score + keyBias.data()[keyBias.at(head) + j];
  }

  /**
   * Replaces each score of keys {@code first} to {@code last} by exp(score - max), and returns
   * their sum.
   */
  private static float exponentials(float[] p, int first, int last, float max) {
    float[] lanes = new float[LaneSum.LANES];
    for (int j = first; j <= last; j++) {
      p[j] = Exponential.exp(p[j] - max);
      lanes[j % LaneSum.LANES] += p[j];
    }
    return LaneSum.combine(lanes);
  }

  private float weighted(float[] p, int first, int last, int start, int column) {
    int firstRun = first / CpuForwardKernels.RUN * CpuForwardKernels.RUN;
    float sum = 0;
    for (int run = firstRun; run <= last; run += CpuForwardKernels.RUN) {
      float chain = 0;
      for (int j = Math.max(first, run);
          j <= Math.min(last, run + CpuForwardKernels.RUN - 1);
          j++) {
        chain = Math.fma(p[j], v.data()[v.at(start + j) + column], chain);
      }
      sum = run == firstRun ? chain : sum + chain;
    }
    return sum;
  }
}
