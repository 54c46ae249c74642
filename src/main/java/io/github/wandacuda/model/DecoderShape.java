package io.github.wandacuda.model;

import java.util.List;

/**
 * The sizes of a decoder, which are known before it is opened.
 *
 * @param blocks number of decoder blocks
 * @param hiddenSize width of the hidden states
 * @param vocabulary number of token ids
 * @param maximumLength tokens of the longest sequence that its positions allow
 */
public record DecoderShape(int blocks, int hiddenSize, int vocabulary, int maximumLength) {
  /**
   * Reads the number of blocks and the vocabulary's size by their usual keys.
   *
   * @param hidden the hidden size
   * @param positions the longest sequence
   * @param blocks keys of the number of blocks; the first one that is present counts
   */
  public static DecoderShape of(ModelConfig config, int hidden, int positions, String... blocks) {
    return new DecoderShape(
        config.positive(List.of(blocks)), hidden, config.positive("vocab_size"), positions);
  }
}
