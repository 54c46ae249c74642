package io.github.wandacuda.model.family;

import com.google.auto.service.AutoService;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.ModelConfig;

/**
 * LLaMA, LLaMA-2 and Llama-3 (Touvron et al., arXiv 2302.13971 and 2307.09288; arXiv 2407.21783).
 */
@AutoService(DecoderFamily.class)
public final class LlamaFamily implements DecoderFamily {
  @Override
  public String modelType() {
    return "llama";
  }

  @Override
  public String architecture() {
    return "LlamaForCausalLM";
  }

  @Override
  public DecoderDescription describe(ModelConfig config) {
    return new LlamaStyle(config) {
      @Override
      boolean mlpBias() {
        return config.flag("mlp_bias", false);
      }
    }.decoder();
  }
}
