package io.github.wandacuda.forward;

/**
 * The sizes and parameters of attention.
 *
 * @param sequenceLength tokens of a sequence; tensors of keys and values hold one or more whole
 *     sequences, one below the other
 * @param past tokens at a sequence's start that have keys and values but no query: their queries
 *     were run before, and their keys and values kept
 * @param heads query heads
 * @param keyValueHeads key and value heads, a divisor of {@code heads}: query head h reads head
 *     {@code h / (heads / keyValueHeads)}
 * @param headSize features of a head
 * @param scale the factor of a query's product with a key
 * @param softcap the bound of a scaled score: {@code softcap * tanh(score / softcap)} (Gemma 2,
 *     arXiv 2408.00118, section 2), or 0 for none
 * @param window how many of the last keys a token sees, its own one included (Beltagy et al., arXiv
 *     2004.05150, section 3.1), or 0 for all
 */
public record AttentionShape(
    int sequenceLength,
    int past,
    int heads,
    int keyValueHeads,
    int headSize,
    float scale,
    float softcap,
    int window) {
  /**
   * Checks the sizes.
   *
   * @throws IllegalArgumentException if one isn't positive, there is no query, heads aren't shared
   *     evenly, or softcap or window are out of range
   */
  public AttentionShape {
    if (sequenceLength < 1 || heads < 1 || keyValueHeads < 1 || headSize < 1) {
      throw new IllegalArgumentException("attention sizes must be positive");
    }
    if (past < 0 || past >= sequenceLength) {
      throw new IllegalArgumentException(
          "%d tokens of %d without a query".formatted(past, sequenceLength));
    }
    if (heads % keyValueHeads != 0) {
      throw new IllegalArgumentException(
          "%d heads cannot share %d key and value heads".formatted(heads, keyValueHeads));
    }
    if (!(softcap >= 0) || Float.isInfinite(softcap) || window < 0) {
      throw new IllegalArgumentException("softcap %s, window %d".formatted(softcap, window));
    }
  }

  /** Returns how many queries a sequence has, those of its last tokens. */
  public int queries() {
    return sequenceLength - past;
  }

  /**
   * Returns the first key that a token sees; the last is its own.
   *
   * @param i the token's place in its sequence, from 0
   */
  public int firstKey(int i) {
    return window == 0 ? 0 : Math.max(0, i - window + 1);
  }
}
