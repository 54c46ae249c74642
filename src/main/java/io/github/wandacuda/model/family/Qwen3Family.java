package io.github.wandacuda.model.family;

import com.google.auto.service.AutoService;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.NormDescription;

/**
 * Qwen 3 (arXiv 2505.09388): LLaMA with norms over the heads of q and k, and windows in the last
 * blocks.
 */
@AutoService(DecoderFamily.class)
public final class Qwen3Family implements DecoderFamily {
  private static final int DEFAULT_HEAD_SIZE = 128;
  private static final double DEFAULT_EPSILON = 1e-6;

  @Override
  public String modelType() {
    return "qwen3";
  }

  @Override
  public String architecture() {
    return "Qwen3ForCausalLM";
  }

  @Override
  public DecoderDescription describe(ModelConfig config) {
    Windows windows = Windows.ofQwen(config);
    return new LlamaStyle(config, DEFAULT_HEAD_SIZE, DEFAULT_EPSILON) {
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
}
