package io.github.wandacuda.forward;

/**
 * The sizes of {@link Operations#deltaRule}.
 *
 * @param sequenceLength tokens of a sequence
 * @param keyHeads query and key heads, a divisor of {@code heads}: value head h goes with head
 *     {@code h / (heads / keyHeads)}
 * @param heads value heads
 * @param keySize features of a query or key head
 * @param valueSize features of a value head
 */
public record DeltaShape(int sequenceLength, int keyHeads, int heads, int keySize, int valueSize) {
  /**
   * Checks the sizes.
   *
   * @throws IllegalArgumentException if one isn't positive, or heads aren't shared evenly
   */
  public DeltaShape {
    if (sequenceLength < 1 || keyHeads < 1 || heads < 1 || keySize < 1 || valueSize < 1) {
      throw new IllegalArgumentException("sizes of a delta rule must be positive");
    }
    if (heads % keyHeads != 0) {
      throw new IllegalArgumentException(
          "%d value heads cannot share %d key heads".formatted(heads, keyHeads));
    }
  }
}
