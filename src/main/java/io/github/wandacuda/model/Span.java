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
  static Span whole(int sequenceLength) {
    return new Span(sequenceLength, 0, sequenceLength, null);
  }

  /** Describes the tokens that follow those of a cache. */
  static Span next(int tokens, KeyValueCache cache, int block) {
    int past = cache.length();
    if (tokens > cache.capacity() - past) {
      throw new IllegalArgumentException(
          "%d tokens after %d in a cache for %d".formatted(tokens, past, cache.capacity()));
    }
    return new Span(past + tokens, past, cache.capacity(), cache.block(block));
  }

  /** Returns the tokens of a sequence that go through the block. */
  int tokens() {
    return length - past;
  }

  /** Returns the place of the new keys or values in a cached tensor. */
  Tensor added(Tensor cached) {
    return cached.rows(past, tokens());
  }

  /** Returns the keys or values of all tokens. */
  Tensor all(Tensor cached) {
    return cached.rows(0, length);
  }
}
