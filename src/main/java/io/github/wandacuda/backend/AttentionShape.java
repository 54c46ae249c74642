package io.github.wandacuda.backend;

/**
 * How attention reads its inputs.
 *
 * @param sequenceLength tokens of a sequence; a tensor holds one or more whole sequences, one below
 *     the other
 * @param heads query heads
 * @param keyValueHeads key and value heads, a divisor of {@code heads}: query head h reads head
 *     {@code h / (heads / keyValueHeads)}
 * @param headSize features of a head
 * @param scale what a query's product with a key is multiplied by
 */
public record AttentionShape(
    int sequenceLength, int heads, int keyValueHeads, int headSize, float scale) {
  /** Checks that the heads can be shared out. */
  public AttentionShape {
    if (sequenceLength < 1 || heads < 1 || keyValueHeads < 1 || headSize < 1) {
      throw new IllegalArgumentException("attention sizes must be positive");
    }
    if (heads % keyValueHeads != 0) {
      throw new IllegalArgumentException(
          "%d heads cannot share %d key and value heads".formatted(heads, keyValueHeads));
    }
  }
}
