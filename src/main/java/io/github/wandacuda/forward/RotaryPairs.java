package io.github.wandacuda.forward;

/**
 * Which of a head's features are pairs that a rotary embedding turns.
 *
 * @param headSize features of a head
 * @param first the first feature of the first pair; those before it aren't turned
 * @param interleaved whether a pair is two neighbours; else it is one of a first half and one of a
 *     second half
 */
public record RotaryPairs(int headSize, int first, boolean interleaved) {
  public RotaryPairs {
    if (first < 0) {
      throw new IllegalArgumentException("pairs from feature %d on".formatted(first));
    }
  }

  /** Describes pairs of two halves from a head's beginning on. */
  public static RotaryPairs halves(int headSize) {
    return new RotaryPairs(headSize, 0, false);
  }

  /** Returns how far the first feature of a pair is from that of the pair before. */
  public int step() {
    return interleaved ? 2 : 1;
  }

  /**
   * Returns how far a pair's second feature is from its first.
   *
   * @param pairs how many pairs a head has
   */
  public int distance(int pairs) {
    return interleaved ? 1 : pairs;
  }
}
