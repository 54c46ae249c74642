package io.github.wandacuda.model;

import static io.github.wandacuda.model.LlamaStyle.in;

import io.github.wandacuda.forward.RotaryPairs;
import io.github.wandacuda.model.BlockDescription.LatentDescription;
import io.github.wandacuda.model.NormDescription.Kind;
import java.util.List;

/** Latent attention, which DeepSeek's families have in common with others. */
final class LatentFamilies {
  /** Of the norms inside, whatever the config says of others. */
  private static final float INNER_EPSILON = 1e-6f;

  private LatentFamilies() {}

  /** Gives a style's blocks latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1). */
  static void useLatents(LlamaStyle style) {
    ModelConfig config = style.config;
    int plain = config.positive("qk_nope_head_dim", 128);
    int rotated = config.positive("qk_rope_head_dim", 64);
    int valueSize = config.positive("v_head_dim", 128);
    int size = Math.max(plain + rotated, valueSize);
    boolean queriesAreNarrow = config.find("q_lora_rank").isPresent() || !config.has("q_lora_rank");
    int queryRank = queriesAreNarrow ? config.positive("q_lora_rank", 1536) : 0;
    int rank = config.positive("kv_lora_rank", 512);
    int heads = style.heads.queries();
    config.requireWidth("num_attention_heads", (long) heads * (size + valueSize));
    boolean bias = config.flag("attention_bias", false);
    RotaryPairs pairs = new RotaryPairs(rotated, 0, config.flag("rope_interleave", true));
    Rotary rotary = RotaryFrequencies.of(config, pairs, style.rope);
    style.rotary = block -> rotary;
    float scale = (float) (RotaryFrequencies.latentScale(config) / Math.sqrt(plain + rotated));
    style.mixer =
        block -> {
          String name = in(block, "self_attn.");
          int queries = heads * (plain + rotated);
          return new LatentDescription(
              queryRank == 0
                  ? List.of(LinearDescription.of(name + "q_proj", queries, style.hidden, false))
                  : List.of(
                      LinearDescription.of(name + "q_a_proj", queryRank, style.hidden, bias),
                      LinearDescription.of(name + "q_b_proj", queries, queryRank, false)),
              queryRank == 0 ? null : inner(name + "q_a_layernorm", queryRank),
              LinearDescription.of(name + "kv_a_proj_with_mqa", rank + rotated, style.hidden, bias),
              inner(name + "kv_a_layernorm", rank),
              LinearDescription.of(name + "kv_b_proj", heads * (plain + valueSize), rank, false),
              heads,
              rotated,
              valueSize,
              rotary,
              scale,
              LinearDescription.of(name + "o_proj", style.hidden, heads * valueSize, bias));
        };
  }

  private static NormDescription inner(String name, int size) {
    return new NormDescription(Kind.RMS, name, size, INNER_EPSILON, true, 0);
  }
}
