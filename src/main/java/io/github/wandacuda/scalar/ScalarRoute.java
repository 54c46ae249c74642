package io.github.wandacuda.scalar;

import io.github.wandacuda.forward.Routing;

/**
 * The choice of experts as plain loops. A token's probabilities are {@code exp(l - max)} ({@link
 * Exponential}; max passes over NaN) divided by their sum in the order of {@link LaneSum}. The k
 * experts are chosen one after the other: each is the first of the remaining ones with the highest
 * probability. Renormalized weights are divided by their sum, which is added in that order from 0.
 * All arithmetic is in float32.
 */
public final class ScalarRoute {
  private ScalarRoute() {}

  /** Chooses the experts of one token, as many as {@code routing} has room for. */
  public static void route(CpuTensor logits, int token, boolean renormalize, Routing routing) {
    float[] probabilities = softmax(logits, token);
    boolean[] taken = new boolean[probabilities.length];
    int from = token * routing.expertsPerToken();
    int end = from + routing.expertsPerToken();
    float sum = 0;
    for (int place = from; place < end; place++) {
      int expert = highest(probabilities, taken);
      taken[expert] = true;
      routing.experts()[place] = expert;
      routing.weights()[place] = probabilities[expert];
      sum += probabilities[expert];
    }
    for (int place = from; renormalize && place < end; place++) {
      routing.weights()[place] /= sum;
    }
  }

  private static float[] softmax(CpuTensor logits, int token) {
    float[] p = new float[logits.columns()];
    System.arraycopy(logits.data(), logits.at(token), p, 0, p.length);
    float max = Float.NEGATIVE_INFINITY;
    for (float logit : p) {
      max = logit > max ? logit : max;
    }
    float[] lanes = new float[LaneSum.LANES];
    for (int e = 0; e < p.length; e++) {
      p[e] = Exponential.exp(p[e] - max);
      lanes[e % LaneSum.LANES] += p[e];
    }
    float sum = LaneSum.combine(lanes);
    for (int e = 0; e < p.length; e++) {
      p[e] /= sum;
    }
    return p;
  }

  private static int highest(float[] probabilities, boolean[] taken) {
    int highest = -1;
    for (int e = 0; e < probabilities.length; e++) {
      if (!taken[e] && (highest < 0 || probabilities[e] > probabilities[highest])) {
        highest = e;
      }
    }
    return highest;
  }
}
