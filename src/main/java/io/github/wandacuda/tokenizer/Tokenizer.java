package io.github.wandacuda.tokenizer;

/** Turns text into token ids. May be used by several threads at once. */
public interface Tokenizer extends AutoCloseable {
  /**
   * Returns the ids of the whole text, nothing cut off and nothing padded, with the special tokens
   * that the tokenizer itself adds (such as BOS in front).
   *
   * @param text any well-formed string, the empty one too
   * @return ids, not negative; they may lie outside the vocabulary of a model that the tokenizer
   *     doesn't belong to
   * @throws IllegalArgumentException if the text holds half a surrogate pair
   * @throws io.github.wandacuda.error.InputException if the tokenizer cannot encode the text
   */
  int[] encode(String text);

  /** Returns where this tokenizer came from, for messages to the user. */
  String source();

  /** Frees what the tokenizer holds. No {@link #encode} may be under way or follow. */
  @Override
  void close();
}
