package io.github.wandacuda.model.llama;

import io.github.wandacuda.backend.AttentionShape;
import io.github.wandacuda.model.ModelConfig;

/**
 * The sizes of a LLaMA.
 *
 * @param blocks decoder blocks
 * @param hiddenSize width of the hidden states
 * @param intermediateSize width inside the MLP
 * @param heads query heads
 * @param keyValueHeads key and value heads
 * @param headSize features of a head
 * @param vocabulary entries of the embedding
 * @param maximumLength the longest sequence
 * @param epsilon RMSNorm's epsilon
 * @param rotary the position embedding
 */
record LlamaConfig(
    int blocks,
    int hiddenSize,
    int intermediateSize,
    int heads,
    int keyValueHeads,
    int headSize,
    int vocabulary,
    int maximumLength,
    float epsilon,
    RotaryFrequencies rotary) {

  private static final double DEFAULT_EPSILON = 1e-6;
  private static final int DEFAULT_MAXIMUM_LENGTH = 2048;

  static LlamaConfig of(ModelConfig config) {
    config
        .find("hidden_act")
        .filter(activation -> !activation.asText().equals("silu"))
        .ifPresent(
            activation -> {
              throw config.wrong("hidden_act", "\"silu\"", activation);
            });
    int hidden = config.positive("hidden_size");
    int heads = config.positive("num_attention_heads");
    int keyValueHeads = config.positive("num_key_value_heads", heads);
    if (heads % keyValueHeads != 0) {
      throw config.wrong(
          "num_key_value_heads", "a divisor of " + heads, config.root().get("num_key_value_heads"));
    }
    int headSize = config.positive("head_dim", Math.max(1, hidden / heads));
    if (headSize % 2 != 0) {
      throw config.wrong("head_dim", "an even number", config.root().path("head_dim"));
    }
    return new LlamaConfig(
        config.positive("num_hidden_layers"),
        hidden,
        config.positive("intermediate_size"),
        heads,
        keyValueHeads,
        headSize,
        config.positive("vocab_size"),
        config.positive("max_position_embeddings", DEFAULT_MAXIMUM_LENGTH),
        (float) config.number("rms_norm_eps", DEFAULT_EPSILON),
        RotaryFrequencies.of(config, headSize));
  }

  int queryWidth() {
    return heads * headSize;
  }

  int keyValueWidth() {
    return keyValueHeads * headSize;
  }

  AttentionShape attention(int sequenceLength) {
    float scale = (float) (1 / Math.sqrt(headSize));
    return new AttentionShape(sequenceLength, heads, keyValueHeads, headSize, scale);
  }
}
