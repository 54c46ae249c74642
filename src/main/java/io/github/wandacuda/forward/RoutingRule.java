package io.github.wandacuda.forward;

/**
 * How a mixture chooses and weighs a token's experts, by the logits of its router.
 *
 * @param scores what is made of the logits
 * @param expertsPerToken how many experts are chosen, 1 or more
 * @param groups the groups of neighbouring experts that are chosen first
 * @param renormalize whether the weights are divided by their sum
 * @param least what they are divided by at least
 * @param scale the factor of the weights
 * @param threshold how far from the best logit one may be to count, for {@link Scores#SPARSE_MIXER}
 */
public record RoutingRule(
    Scores scores,
    int expertsPerToken,
    Groups groups,
    boolean renormalize,
    float least,
    float scale,
    float threshold) {
  /** What is made of a token's logits. */
  public enum Scores {
    /** Their softmax: the probabilities are chosen by, and are the weights. */
    SOFTMAX,

    /**
     * The sigmoid of each, by which experts are chosen, and which is an expert's weight (DeepSeek
     * V3, arXiv 2412.19437, section 2.1.2).
     */
    SIGMOID,

    /**
     * The logits, from the highest on; an expert's weight is its probability among those that are
     * left and whose logits l are near enough, {@code (highest - l) / max(|l|, highest) <=
     * threshold} (SparseMixer, Liu et al., arXiv 2310.00811, as Phi-3.5-MoE has it).
     */
    SPARSE_MIXER
  }

  /**
   * Groups of neighbouring experts, all of one size, of which only the best ones are chosen from.
   *
   * @param count how many there are, from 1 to 64, a divisor of the experts' number
   * @param chosen how many are chosen from
   * @param best a group's rank is the sum of this many of its best experts' scores: 1 or 2
   */
  public record Groups(int count, int chosen, int best) {
    /** All experts in one group. */
    public static final Groups ONE = new Groups(1, 1, 1);

    /** How many groups there may be: kernels keep those that were chosen in the bits of a long. */
    public static final int MOST = Long.SIZE;

    public Groups {
      if (count < 1 || count > MOST || chosen < 1 || chosen > count || best < 1 || best > 2) {
        throw new IllegalArgumentException(
            "%d of %d groups by the best %d".formatted(chosen, count, best));
      }
    }
  }

  /** Returns the rule of most mixtures: the most probable experts by the softmax. */
  public static RoutingRule softmax(int expertsPerToken, boolean renormalize) {
    return of(Scores.SOFTMAX, expertsPerToken, renormalize);
  }

  /** Returns a rule without groups, least divisor and factor. */
  public static RoutingRule of(Scores scores, int expertsPerToken, boolean renormalize) {
    return new RoutingRule(scores, expertsPerToken, Groups.ONE, renormalize, 0, 1, 0);
  }

  /** Returns the same rule with groups. */
  public RoutingRule in(Groups some) {
    return new RoutingRule(scores, expertsPerToken, some, renormalize, least, scale, threshold);
  }

  /**
   * Returns the same rule with other weights.
   *
   * @param divisor the least that they are divided by
   * @param factor what they are multiplied by
   */
  public RoutingRule weighed(float divisor, float factor) {
    return new RoutingRule(
        scores, expertsPerToken, groups, renormalize, divisor, factor, threshold);
  }

  /**
   * Returns whether experts are chosen by their logits themselves, without a function of these.
   *
   * @param corrected whether a correction is added to the scores
   */
  public boolean byLogits(boolean corrected) {
    return scores == Scores.SPARSE_MIXER
        || (scores == Scores.SIGMOID && !corrected && groups.count() == 1);
  }
}
