package io.github.wandacuda.model;

/**
 * A block's attention.
 *
 * @param projection how queries, keys and values are made
 * @param queryNorm a norm over each query head before it is rotated, or null
 * @param keyNorm as {@code queryNorm}, over each key head
 * @param heads the heads
 * @param rotary how queries and keys are rotated, or null for not at all
 * @param scores what is done to the scores before the softmax
 * @param output [hidden, heads * headSize]
 */
public record AttentionDescription(
    ProjectionDescription projection,
    NormDescription queryNorm,
    NormDescription keyNorm,
    Heads heads,
    Rotary rotary,
    Scores scores,
    LinearDescription output) {

  /** Returns attention without norms over its heads. */
  public static AttentionDescription of(
      ProjectionDescription projection,
      Heads heads,
      Rotary rotary,
      Scores scores,
      LinearDescription output) {
    return new AttentionDescription(projection, null, null, heads, rotary, scores, output);
  }

  /**
   * What is done to scores before the softmax.
   *
   * @param scale the factor of a query's product with a key
   * @param softcap the bound of a scaled score, or 0 for none
   * @param window how many of the last keys a token sees, or 0 for all
   * @param keyBias [heads, sequenceLength], added to the score of each key, or null
   */
  public record Scores(float scale, float softcap, int window, PositionTable keyBias) {
    /** Returns scores that are divided by the root of the head's size, and nothing else. */
    public static Scores plain(Heads heads) {
      return new Scores((float) (1 / Math.sqrt(heads.size())), 0, 0, null);
    }

    /** Returns the same with a window. */
    public Scores within(int keys) {
      return new Scores(scale, softcap, keys, keyBias);
    }

    /** Returns the same with a bias. */
    public Scores biased(PositionTable bias) {
      return new Scores(scale, softcap, window, bias);
    }
  }
}
