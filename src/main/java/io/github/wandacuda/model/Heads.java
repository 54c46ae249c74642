package io.github.wandacuda.model;

/**
 * The heads of an attention.
 *
 * @param keyValueHeads number of key heads and of value heads, a divisor of {@code queries}
 * @param size features of a head
 */
public record Heads(int queries, int keyValueHeads, int size) {
  public int queryWidth() {
    return Math.multiplyExact(queries, size);
  }

  /** Returns the features of all key heads, which are as many as those of all value heads. */
  public int keyValueWidth() {
    return Math.multiplyExact(keyValueHeads, size);
  }
}
