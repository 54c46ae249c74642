package io.github.wandacuda.model.family;

import com.google.auto.service.AutoService;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.ModelConfig;

/**
 * Qwen 1.5, 2 and 2.5 (arXiv 2407.10671): LLaMA with biases on q, k and v, and windows in the last
 * blocks.
 */
@AutoService(DecoderFamily.class)
public final class Qwen2Family implements DecoderFamily {
  @Override
  public String modelType() {
    return "qwen2";
  }

  @Override
  public String architecture() {
    return "Qwen2ForCausalLM";
  }

  @Override
  public DecoderDescription describe(ModelConfig config) {
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
}
