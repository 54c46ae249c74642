package io.github.wandacuda.model;

import io.github.wandacuda.forward.Tensor;

/**
 * Which tokens of their sequences go through a block: all of one or more sequences, or the next
 * ones of a sequence whose first tokens' keys and values were kept.
 *
 * @param length tokens of a sequence, those that were kept included
 * @param past tokens that were kept
 * @param positions positions that tables are made for, {@code length} or more
 * @param cache the block's keys and values, or null for whole sequences
 */
record Span(int length, int past, int positions, KeyValueCache.BlockCache cache) {
  /** Describes whole sequences of one length. */
  static Span whole(int sequenceLength) {
    return new Span(sequenceLength, 0, sequenceLength, null);
  }

  /**
   * Describes the tokens that follow those of a cache.
   *
   * @param tokens how many
   * @param block the block's number
   * @throws IllegalArgumentException if the cache has no room for them
   */
  static Span next(int tokens, KeyValueCache cache, int block) {
    int past = cache.length();
    if (tokens > cache.capacity() - past) {
      throw new IllegalArgumentException(
          "%d tokens after %d in a cache for %d".formatted(tokens, past, cache.capacity()));
    }
    return new Span(past + tokens, past, cache.capacity(), cache.block(block));
  }

  /** Returns how many tokens of each sequence go through the block. */
  int tokens() {
    return length - past;
  }

  /** Returns the rows of a cached tensor that the new keys or values go to. */
  Tensor added(Tensor cached) {
    return cached.rows(past, tokens());
  }

  /**
   * Returns the rows of a cached tensor that hold the keys or values of all tokens, the new ones
   * included.
   */
  Tensor all(Tensor cached) {
    return cached.rows(0, length);
  }
}
