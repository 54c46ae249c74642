package io.github.wandacuda.model.family;

import com.google.auto.service.AutoService;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.NormDescription;

/** Qwen 3 MoE (arXiv 2505.09388): Qwen 3 with a mixture of experts, without a shared one. */
@AutoService(DecoderFamily.class)
public final class Qwen3MoeFamily implements DecoderFamily {
  @Override
  public String modelType() {
    return "qwen3_moe";
  }

  @Override
  public String architecture() {
    return "Qwen3MoeForCausalLM";
  }

  @Override
  public DecoderDescription describe(ModelConfig config) {
    return new QwenMixtureStyle(config) {
      @Override
      NormDescription headNorm(int block, String which) {
        return norm(in(block, "self_attn." + which + "_norm"), heads().size());
      }
    }.decoder();
  }
}
