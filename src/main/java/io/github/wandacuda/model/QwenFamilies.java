package io.github.wandacuda.model;

import java.util.function.IntPredicate;

/** The families of Qwen. */
final class QwenFamilies {
  private static final int QWEN3_HEAD_SIZE = 128;
  private static final double QWEN3_EPSILON = 1e-6;

  private QwenFamilies() {}

  /**
   * Qwen 1.5, 2 and 2.5 (arXiv 2407.10671): LLaMA with biases on q, k and v, and windows in the
   * last blocks.
   */
  static DecoderDescription qwen2(ModelConfig config) {
    Windows windows = Windows.ofQwen(config);
    return new LlamaStyle(config) {
      @Override
      boolean projectionBias() {
        return true;
      }

      @Override
      boolean outputBias() {
        return false;
      }

      @Override
      int window(int block) {
        return windows.at(block);
      }
    }.decoder();
  }

  /**
   * Qwen 3 (arXiv 2505.09388): LLaMA with norms over the heads of q and k, and windows in the last
   * blocks.
   */
  static DecoderDescription qwen3(ModelConfig config) {
    Windows windows = Windows.ofQwen(config);
    return new LlamaStyle(config, QWEN3_HEAD_SIZE, QWEN3_EPSILON) {
      @Override
      NormDescription headNorm(int block, String which) {
        return norm(in(block, "self_attn." + which + "_norm"), heads().size());
      }

      @Override
      int window(int block) {
        return windows.at(block);
      }
    }.decoder();
  }

  /**
   * Qwen 1.5 and 2 MoE (arXiv 2407.10671): Qwen 2 with a mixture of experts and a shared expert.
   */
  static DecoderDescription qwen2Moe(ModelConfig config) {
    return new MixtureStyle(config) {
      @Override
      boolean projectionBias() {
        return config.flag("qkv_bias", true);
      }

      @Override
      boolean outputBias() {
        return false;
      }

      @Override
      MlpDescription.SharedExpert shared(String name) {
        return new MlpDescription.SharedExpert(
            LinearDescription.of(name + "shared_expert_gate", 1, hidden, false),
            gated(name + "shared_expert.", config.positive("shared_expert_intermediate_size")));
      }
    }.decoder();
  }

  /** Qwen 3 MoE (arXiv 2505.09388): Qwen 3 with a mixture of experts, without a shared one. */
  static DecoderDescription qwen3Moe(ModelConfig config) {
    return new MixtureStyle(config) {
      @Override
      NormDescription headNorm(int block, String which) {
        return norm(in(block, "self_attn." + which + "_norm"), heads().size());
      }
    }.decoder();
  }

  /** What Qwen's mixtures of experts have in common: their windows, dense blocks and experts. */
  private static class MixtureStyle extends LlamaStyle {
    private static final int DEFAULT_WINDOW = 4096;

    private final Windows windows;
    private final int experts;
    private final IntPredicate denseBlocks;

    MixtureStyle(ModelConfig config) {
      super(config);
      windows = Windows.ifUsed(config, DEFAULT_WINDOW, block -> true);
      experts = config.positive("num_experts");
      denseBlocks = Experts.denseBlocks(config);
    }

    /** Returns a mixture's shared expert, or null if there is none. */
    MlpDescription.SharedExpert shared(String name) {
      return null;
    }

    @Override
    final int window(int block) {
      return windows.at(block);
    }

    @Override
    final MlpDescription mlp(int block) {
      return denseBlocks.test(block) ? super.mlp(block) : mixture(in(block, "mlp."));
    }

    private MlpDescription mixture(String name) {
      int wide = config.positive("moe_intermediate_size");
      return Experts.mixture(
          config,
          LinearDescription.of(name + "gate", experts, hidden, false),
          config.flag("norm_topk_prob", false),
          expert -> gated(name + "experts." + expert + ".", wide),
          shared(name));
    }
  }
}
