package io.github.wandacuda.scalar;

import io.github.wandacuda.forward.DeltaOperands;
import io.github.wandacuda.forward.DeltaShape;

/** The delta rule as plain loops. */
public final class ScalarDeltaRule {
  private ScalarDeltaRule() {}

  /**
   * Runs features {@code from} to {@code to - 1} of one value head of one sequence, token by token.
   *
   * @param task the sequence's number times the heads, plus the head's
   * @param from the first feature
   * @param to one past the last feature
   */
  public static void run(DeltaOperands<CpuTensor> of, int task, int from, int to) {
    DeltaShape shape = of.shape();
    int head = task % shape.heads();
    int keys = head / (shape.heads() / shape.keyHeads()) * shape.keySize();
    int first = task / shape.heads() * shape.sequenceLength();
    for (int t = first; t < first + shape.sequenceLength(); t++) {
      float decay = of.decay().data()[of.decay().at(t) + head];
      float correction = of.correction().data()[of.correction().at(t) + head];
      for (int j = from; j < to; j++) {
        float expected = decayed(of, task, t, keys, j, decay);
        int at = head * shape.valueSize() + j;
        float change = correction * (of.v().data()[of.v().at(t) + at] - expected);
        of.out().data()[of.out().at(t) + at] = corrected(of, task, t, keys, j, change);
      }
    }
  }

  /**
   * Multiplies column j of the state by the decay, and returns the sum of its products with the
   * key.
   */
  private static float decayed(
      DeltaOperands<CpuTensor> of, int task, int t, int keys, int j, float decay) {
    float[] state = of.state().data();
    float product = 0;
    for (int i = 0; i < of.shape().keySize(); i++) {
      int at = of.state().at(task * of.shape().keySize() + i) + j;
      state[at] *= decay;
      product = Math.fma(of.k().data()[of.k().at(t) + keys + i], state[at], product);
    }
    return product;
  }

  /** Corrects column j of the state, and returns the sum of its products with the query. */
  private static float corrected(
      DeltaOperands<CpuTensor> of, int task, int t, int keys, int j, float change) {
    float[] state = of.state().data();
    float product = 0;
    for (int i = 0; i < of.shape().keySize(); i++) {
      int at = of.state().at(task * of.shape().keySize() + i) + j;
      state[at] = Math.fma(of.k().data()[of.k().at(t) + keys + i], change, state[at]);
      product = Math.fma(of.q().data()[of.q().at(t) + keys + i], state[at], product);
    }
    return product;
  }
}
