package io.github.wandacuda.model;

import java.util.List;

/**
 * The sizes of a decoder, which are known before it is opened.
 *
 * @param maximumLength tokens of the longest sequence that its positions allow
 */
public record DecoderShape(int blocks, int hiddenSize, int vocabulary, int maximumLength) {
  /** Reads the others by their usual keys; {@code blocks} has those of the number of blocks. */
  public static DecoderShape of(ModelConfig config, int hidden, int positions, String... blocks) {
    return new DecoderShape(
        config.positive(List.of(blocks)), hidden, config.positive("vocab_size"), positions);
  }
}
