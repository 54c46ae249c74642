package io.github.wandacuda.model.family;

import com.google.auto.service.AutoService;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.description.DecoderDescription;

/** Gemma (arXiv 2403.08295): LLaMA with larger embeddings, gains around 1 and a GELU. */
@AutoService(DecoderFamily.class)
public final class GemmaFamily implements DecoderFamily {
  @Override
  public String modelType() {
    return "gemma";
  }

  @Override
  public String architecture() {
    return "GemmaForCausalLM";
  }

  @Override
  public DecoderDescription describe(ModelConfig config) {
    return new GemmaStyle(config).decoder();
  }
}
