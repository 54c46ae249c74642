package io.github.wandacuda.text;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;

/**
 * The token ids that a model has embeddings for.
 *
 * @param size the number of ids, which start at 0
 */
public record Vocabulary(int size) {
  public Vocabulary {
    if (size < 1) {
      throw new IllegalArgumentException("a vocabulary has at least one token, not " + size);
    }
  }

  /**
   * Checks that the model knows all ids.
   *
   * @param where the file that the ids come from, for the message of a failure
   */
  public void require(int[] ids, ErrorDetails where) {
    for (int id : ids) {
      if (id >= size) {
        throw new InputException(
            where
                .expected("an id below " + size, String.valueOf(id))
                .said("token id %d is outside the model's vocabulary of %d".formatted(id, size))
                .hint("take the tokenizer that the model was trained with"));
      }
    }
  }
}
