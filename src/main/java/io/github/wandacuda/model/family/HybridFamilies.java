package io.github.wandacuda.model.family;

import static io.github.wandacuda.model.family.LlamaStyle.in;

import io.github.wandacuda.model.BlockDescription.DeltaNetDescription;
import io.github.wandacuda.model.LinearDescription;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.NormDescription;
import io.github.wandacuda.model.NormDescription.Kind;
import java.util.List;
import java.util.function.IntPredicate;

/** Families in which most blocks have a delta net's state instead of attention. */
final class HybridFamilies {
  private static final int LINEAR_HEAD_SIZE = 128;
  private static final String HEADS_KEY = "linear_num_value_heads";

  private HybridFamilies() {}

  /**
   * Qwen3-Next: Qwen 2's mixture of experts, gated attention in every fourth block, and gated delta
   * nets in the others.
   */
  static LlamaStyle qwen3Next(ModelConfig config) {
    return LlamaFamilies.withSharedExpert(style(config.having("{\"norm_topk_prob\": true}"), true));
  }

  /** Qwen 3.5: the same with dense MLPs, and a delta net's inputs from modules of their own. */
  static LlamaStyle qwen35(ModelConfig config) {
    return style(config, false);
  }

  private static LlamaStyle style(ModelConfig config, boolean fused) {
    LlamaStyle style = new LlamaStyle(config, 256, 1e-6).withAttentionBias();
    style.gainOffset = 1;
    style.headNorms = true;
    style.gated = true;
    style.rope = RotaryFrequencies.Defaults.partial(0.25, RotaryFrequencies.DEFAULT_THETA);
    int interval = config.positive("full_attention_interval", 4);
    IntPredicate linear =
        Windows.typed(
            config,
            "linear_attention",
            RotaryFrequencies.FULL,
            block -> (block + 1) % interval != 0);
    style.mixer =
        block -> linear.test(block) ? deltaNet(style, block, fused) : style.attention(block);
    return style;
  }

  /** Describes a block's delta net (Yang et al., arXiv 2412.06464). */
  private static DeltaNetDescription deltaNet(LlamaStyle style, int block, boolean fused) {
    ModelConfig config = style.config;
    int keyHeads = config.positive("linear_num_key_heads", 16);
    int heads = config.positive(HEADS_KEY, 32);
    if (heads % keyHeads != 0) {
      throw config.wrong(HEADS_KEY, "a multiple of " + keyHeads);
    }
    int keySize = config.positive("linear_key_head_dim", LINEAR_HEAD_SIZE);
    int valueSize = config.positive("linear_value_head_dim", LINEAR_HEAD_SIZE);
    config.requireWidth(HEADS_KEY, 2L * keyHeads * keySize + 2L * heads * valueSize);
    int keys = keyHeads * keySize;
    int values = heads * valueSize;
    int hidden = style.hidden;
    String name = in(block, "linear_attn.");
    return new DeltaNetDescription(
        fused
            ? List.of(
                LinearDescription.of(name + "in_proj_qkvz", 2 * keys + 2 * values, hidden, false),
                LinearDescription.of(name + "in_proj_ba", 2 * heads, hidden, false))
            : List.of(
                LinearDescription.of(name + "in_proj_qkv", 2 * keys + values, hidden, false),
                LinearDescription.of(name + "in_proj_z", values, hidden, false),
                LinearDescription.of(name + "in_proj_b", heads, hidden, false),
                LinearDescription.of(name + "in_proj_a", heads, hidden, false)),
        name + "conv1d",
        config.positive("linear_conv_kernel_dim", 4),
        name + "A_log",
        name + "dt_bias",
        keyHeads,
        keySize,
        heads,
        new NormDescription(Kind.RMS, name + "norm", valueSize, style.epsilon, true, 0),
        LinearDescription.of(name + "out_proj", hidden, values, false));
  }
}
