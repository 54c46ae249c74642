package io.github.wandacuda.model.family;

import io.github.wandacuda.model.LinearDescription;
import io.github.wandacuda.model.MlpDescription;
import io.github.wandacuda.model.ModelConfig;
import java.util.function.IntPredicate;

/** What Qwen's mixtures of experts have in common: their windows, dense blocks and experts. */
class QwenMixtureStyle extends LlamaStyle {
  private static final int DEFAULT_WINDOW = 4096;

  private final Windows windows;
  private final int experts;
  private final IntPredicate denseBlocks;

  QwenMixtureStyle(ModelConfig config) {
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
