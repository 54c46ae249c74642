package io.github.wandacuda.text;

/** Turns text into token ids, and back. May be used by several threads at once. */
public interface Tokenizer extends AutoCloseable {
  /**
   * Returns the ids of the whole text, nothing cut off and nothing padded, with the special tokens
   * that the tokenizer itself adds (such as BOS in front).
   *
   * @param text any well-formed string, the empty one too
   * @return ids, not negative; they may lie outside the vocabulary of a model that the tokenizer
   *     doesn't belong to
   * @throws IllegalArgumentException if the text holds half a surrogate pair
   * @throws io.github.wandacuda.error.InputException if the tokenizer can't encode the text
   */
  default int[] encode(String text) {
    return encode(text, true);
  }

  /**
   * Returns the ids of a text as {@link #encode(String)} does, with or without special tokens.
   *
   * @param special whether the special tokens are added that the tokenizer itself adds; without
   *     them, those that the text spells out are still recognized
   */
  int[] encode(String text, boolean special);

  /**
   * Returns the text of some ids, special tokens left out. Where the ids end within a character,
   * the text ends with U+FFFD.
   *
   * @param ids not negative; those that the tokenizer doesn't know are left out
   * @throws io.github.wandacuda.error.InputException if the tokenizer can't decode them
   */
  String decode(int[] ids);

  /** Returns the path that the tokenizer was read from, for messages. */
  String source();

  /** Frees what the tokenizer holds. No call may be under way or follow. */
  @Override
  void close();
}
