package io.github.wandacuda.model;

import java.util.List;

/** LLaMA and the families that differ from it by little. */
final class LlamaFamilies {
  /** For configs without a window, as the first ones are. */
  private static final int MISTRAL_WINDOW = 4096;

  private static final double MIXTRAL_THETA = 1e6;
  private static final double MIXTRAL_EPSILON = 1e-5;

  private static final double PHI3_EPSILON = 1e-5;

  private LlamaFamilies() {}

  /**
   * LLaMA, LLaMA-2 and Llama-3 (Touvron et al., arXiv 2302.13971 and 2307.09288; arXiv 2407.21783).
   */
  static DecoderDescription llama(ModelConfig config) {
    return new LlamaStyle(config) {
      @Override
      boolean mlpBias() {
        return config.flag("mlp_bias", false);
      }
    }.decoder();
  }

  /** Mistral (Jiang et al., arXiv 2310.06825): LLaMA with a window. */
  static DecoderDescription mistral(ModelConfig config) {
    Windows windows = Windows.of(config, MISTRAL_WINDOW, block -> true);
    return new LlamaStyle(config) {
      @Override
      boolean projectionBias() {
        return false;
      }

      @Override
      int window(int block) {
        return windows.at(block);
      }
    }.decoder();
  }

  /** Mixtral (Jiang et al., arXiv 2401.04088): Mistral with a mixture of experts. */
  static DecoderDescription mixtral(ModelConfig config) {
    Windows windows = Windows.of(config, 0, block -> true);
    int experts = config.positive("num_local_experts");
    return new LlamaStyle(config, 0, MIXTRAL_EPSILON) {
      @Override
      boolean projectionBias() {
        return false;
      }

      @Override
      Rotary rotary() {
        return RotaryFrequencies.of(config, heads().size(), MIXTRAL_THETA);
      }

      @Override
      int window(int block) {
        return windows.at(block);
      }

      @Override
      MlpDescription mlp(int block) {
        String name = in(block, "block_sparse_moe.");
        return Experts.mixture(
            config,
            LinearDescription.of(name + "gate", experts, hidden, false),
            true,
            expert -> expert(name + "experts." + expert + "."),
            null);
      }

      private MlpDescription expert(String name) {
        int wide = config.positive("intermediate_size");
        return new MlpDescription.Gated(
            LinearDescription.of(name + "w1", wide, hidden, false),
            LinearDescription.of(name + "w3", wide, hidden, false),
            activation(),
            LinearDescription.of(name + "w2", hidden, wide, false));
      }
    }.decoder();
  }

  /**
   * Phi-3 and Phi-4 (arXiv 2404.14219): LLaMA with one module for q, k and v and one for gate and
   * up.
   */
  static DecoderDescription phi3(ModelConfig config) {
    Windows windows = Windows.of(config, 0, block -> true);
    return new LlamaStyle(config, 0, PHI3_EPSILON) {
      @Override
      boolean projectionBias() {
        return false;
      }

      @Override
      Rotary rotary() {
        return RotaryFrequencies.partial(
            config,
            heads().size(),
            List.of("partial_rotary_factor"),
            1,
            RotaryFrequencies.DEFAULT_THETA,
            List.of("rope_theta"));
      }

      @Override
      int window(int block) {
        return windows.at(block);
      }

      @Override
      ProjectionDescription projection(int block) {
        int rows = heads().queryWidth() + 2 * heads().keyValueWidth();
        return ProjectionDescription.Fused.sideBySide(
            linear(block, "self_attn.qkv_proj", rows, hidden, false), heads());
      }

      @Override
      MlpDescription mlp(int block) {
        int wide = config.positive("intermediate_size");
        return new MlpDescription.FusedGated(
            linear(block, "mlp.gate_up_proj", 2 * wide, hidden, false),
            activation(),
            linear(block, "mlp.down_proj", hidden, wide, false));
      }
    }.decoder();
  }
}
