package io.github.wandacuda.model.description;

/**
 * A block's attention.
 *
 * @param projection how queries, keys and values are made
 * @param queryNorm a norm over each query head before it is rotated, or null
 * @param keyNorm as {@code queryNorm}, over each key head
 * @param heads the heads
 * @param rotary how queries and keys are rotated, or null for not at all
 * @param scores what the scores go through
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
   * What scores go through on their way to the softmax.
   *
   * @param scale what a query's product with a key is multiplied by
   * @param softcap what bounds a scaled score, or 0
   * @param window the last keys that a token sees, or 0 for all
   * @param keyBias [heads, sequenceLength] what is added for each key, or null
   */
  public record Scores(float scale, float softcap, int window, PositionTable keyBias) {
    /** Returns scores that are scaled by the root of the head's size, and nothing else. */
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
