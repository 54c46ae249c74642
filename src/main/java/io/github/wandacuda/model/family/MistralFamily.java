package io.github.wandacuda.model.family;

import com.google.auto.service.AutoService;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.ModelConfig;

/** Mistral (Jiang et al., arXiv 2310.06825): LLaMA with a window. */
@AutoService(DecoderFamily.class)
public final class MistralFamily implements DecoderFamily {
  /** For configs without a window, as the first ones are. */
  private static final int DEFAULT_WINDOW = 4096;

  @Override
  public String modelType() {
    return "mistral";
  }

  @Override
  public String architecture() {
    return "MistralForCausalLM";
  }

  @Override
  public DecoderDescription describe(ModelConfig config) {
    Windows windows = Windows.of(config, DEFAULT_WINDOW, block -> true);
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
}
