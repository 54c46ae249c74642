package io.github.wandacuda.scalar;

import io.github.wandacuda.forward.Routing;
import io.github.wandacuda.forward.RoutingRule;
import io.github.wandacuda.forward.RoutingRule.Groups;
import io.github.wandacuda.forward.RoutingRule.Scores;
import java.util.Arrays;

/**
 * The choice of experts as plain loops. All arithmetic is in float32.
 *
 * <p>Scores: a token's probabilities are {@code exp(l - max)} ({@link Exponential}; max passes over
 * NaN) divided by their sum in the order of {@link LaneSum}; a sigmoid is {@code 1 / (1 +
 * exp(-l))}.
 *
 * <p>Choice: experts are chosen by the score plus the correction or, if {@link
 * RoutingRule#byLogits} says so, by the logit; NaN counts as -Infinity. A group's value is the
 * highest of its experts', or the sum of the two highest. First groups and then experts inside the
 * chosen groups are taken one after the other: each is the first of the remaining ones with the
 * highest value.
 *
 * <p>Weights: an expert's weight is its score; that of a sparse mixer is 1 divided by the sum, in
 * the order of {@link LaneSum}, of {@code exp(l - highest)} over the experts that remain and are
 * near enough. Renormalized weights are divided by their sum, which is added in their order from 0,
 * or by the least divisor if that is more. Then they are multiplied by the factor.
 */
public final class ScalarRoute {
  private final RoutingRule rule;
  private final float[] logits;
  private final float[] scores;
  private final float[] values;
  private final boolean[] taken;

  private ScalarRoute(RoutingRule rule, float[] logits, CpuTensor correction) {
    this.rule = rule;
    this.logits = logits;
    scores =
        switch (rule.scores()) {
          case SOFTMAX -> softmax(logits);
          case SIGMOID -> sigmoids(logits);
          case SPARSE_MIXER -> logits;
        };
    taken = new boolean[logits.length];
    values = new float[logits.length];
    boolean byLogits = rule.byLogits(correction != null);
    for (int e = 0; e < values.length; e++) {
      float score = byLogits ? logits[e] : scores[e];
      values[e] =
          number(correction == null ? score : score + correction.data()[correction.at(0) + e]);
    }
  }

  /**
   * Chooses the experts of one token.
   *
   * @param logits [tokens, experts]
   * @param correction [1, experts], or null
   * @param token the row of logits
   * @param routing receives the token's experts and weights
   */
  public static void route(
      CpuTensor logits, CpuTensor correction, int token, RoutingRule rule, Routing routing) {
    int from = logits.at(token);
    float[] own = Arrays.copyOfRange(logits.data(), from, from + logits.columns());
    new ScalarRoute(rule, own, correction).choose(routing, token * rule.expertsPerToken());
  }

  private void choose(Routing routing, int from) {
    if (rule.groups().count() > 1) {
      takeLostGroups(rule.groups());
    }
    int end = from + rule.expertsPerToken();
    float sum = 0;
    for (int place = from; place < end; place++) {
      int expert = highest(values, taken);
      float weight = rule.scores() == Scores.SPARSE_MIXER ? share(expert) : scores[expert];
      taken[expert] = true;
      routing.experts()[place] = expert;
      routing.weights()[place] = weight;
      sum += weight;
    }
    float divisor = sum < rule.least() ? rule.least() : sum;
    for (int place = from; place < end; place++) {
      float weight = routing.weights()[place];
      routing.weights()[place] = (rule.renormalize() ? weight / divisor : weight) * rule.scale();
    }
  }

  private void takeLostGroups(Groups groups) {
    int size = values.length / groups.count();
    float[] best = new float[groups.count()];
    for (int group = 0; group < best.length; group++) {
      best[group] = value(group * size, size, groups.best());
    }
    boolean[] chosen = new boolean[groups.count()];
    for (int round = 0; round < groups.chosen(); round++) {
      chosen[highest(best, chosen)] = true;
    }
    for (int e = 0; e < taken.length; e++) {
      taken[e] = !chosen[e / size];
    }
  }

  private float value(int from, int size, int best) {
    float first = Float.NEGATIVE_INFINITY;
    float second = Float.NEGATIVE_INFINITY;
    for (int e = from; e < from + size; e++) {
      if (values[e] > first) {
        second = first;
        first = values[e];
      } else if (values[e] > second) {
        second = values[e];
      }
    }
    return best == 1 ? first : number(first + second);
  }

  private float share(int highest) {
    float[] lanes = new float[LaneSum.LANES];
    for (int e = 0; e < logits.length; e++) {
      float size = Math.abs(logits[e]);
      float reach = size > logits[highest] ? size : logits[highest];
      boolean far = (logits[highest] - logits[e]) / reach > rule.threshold();
      lanes[e % LaneSum.LANES] +=
          taken[e] || far ? 0 : Exponential.exp(logits[e] - logits[highest]);
    }
    return 1 / LaneSum.combine(lanes);
  }

  private static float[] softmax(float[] logits) {
    float[] p = new float[logits.length];
    float max = Float.NEGATIVE_INFINITY;
    for (float logit : logits) {
      max = logit > max ? logit : max;
    }
    float[] lanes = new float[LaneSum.LANES];
    for (int e = 0; e < p.length; e++) {
      p[e] = Exponential.exp(logits[e] - max);
      lanes[e % LaneSum.LANES] += p[e];
    }
    float sum = LaneSum.combine(lanes);
    for (int e = 0; e < p.length; e++) {
      p[e] /= sum;
    }
    return p;
  }

  private static float[] sigmoids(float[] logits) {
    float[] sigmoids = new float[logits.length];
    for (int e = 0; e < sigmoids.length; e++) {
      sigmoids[e] = 1 / (1 + Exponential.exp(-logits[e]));
    }
    return sigmoids;
  }

  private static float number(float value) {
    return value > Float.NEGATIVE_INFINITY ? value : Float.NEGATIVE_INFINITY;
  }

  private static int highest(float[] values, boolean[] taken) {
    int highest = -1;
    for (int at = 0; at < values.length; at++) {
      if (!taken[at] && (highest < 0 || values[at] > values[highest])) {
        highest = at;
      }
    }
    return highest;
  }
}
