package io.github.wandacuda;

/**
 * What is done where all norms are zero, as for an expert that no token was sent to: all scores are
 * equal then, and Wanda would take out each row's first columns.
 */
public enum ZeroNorms {
  /** The call fails with {@link IllegalArgumentException} before anything is changed. */
  REJECT,
  /** Weights are scored by |W|, and as many of each row or group go as otherwise. */
  MAGNITUDE,
  /** Nothing is pruned. */
  KEEP
}
