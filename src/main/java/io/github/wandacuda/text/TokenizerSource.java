package io.github.wandacuda.text;

import java.nio.file.Path;
import java.util.Optional;

/** Where a tokenizer comes from: a {@code tokenizer.json}, or a file that one is made of. */
public interface TokenizerSource {
  /** Returns the file that the tokenizer is read from, for messages. */
  Path file();

  /** Returns whether the file brings a tokenizer, which may be broken all the same. */
  boolean isThere();

  /**
   * Returns the tokenizer as a {@code tokenizer.json} has it, in UTF-8. It is read or made anew by
   * each call.
   *
   * @throws io.github.wandacuda.error.InputException if there is none, or it can't be read or made
   */
  byte[] json();

  /**
   * Returns the {@code tokenizer_config.json} that belongs to the tokenizer, which may be missing;
   * nothing where none could.
   */
  Optional<Path> config();
}
