package io.github.wandacuda.model.family;

import com.google.auto.service.AutoService;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.MlpDescription;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.ProjectionDescription;
import io.github.wandacuda.model.Rotary;
import java.util.List;

/**
 * Phi-3 and Phi-4 (arXiv 2404.14219): LLaMA with one module for q, k and v and one for gate and up.
 */
@AutoService(DecoderFamily.class)
public final class Phi3Family implements DecoderFamily {
  private static final double DEFAULT_EPSILON = 1e-5;

  @Override
  public String modelType() {
    return "phi3";
  }

  @Override
  public String architecture() {
    return "Phi3ForCausalLM";
  }

  @Override
  public DecoderDescription describe(ModelConfig config) {
    Windows windows = Windows.of(config, 0, block -> true);
    return new LlamaStyle(config, 0, DEFAULT_EPSILON) {
      @Override
      boolean projectionBias() {
        return false;
      }

      @Override
      Rotary rotary() {
        return RotaryFrequencies.partial(
            config,
            heads().size(),
            List.of("partial_rotary_factor"),
            1,
            RotaryFrequencies.DEFAULT_THETA,
            List.of("rope_theta"));
      }

      @Override
      int window(int block) {
        return windows.at(block);
      }

      @Override
      ProjectionDescription projection(int block) {
        int rows = heads().queryWidth() + 2 * heads().keyValueWidth();
        return ProjectionDescription.Fused.sideBySide(
            linear(block, "self_attn.qkv_proj", rows, hidden, false), heads());
      }

      @Override
      MlpDescription mlp(int block) {
        int wide = config.positive("intermediate_size");
        return new MlpDescription.FusedGated(
            linear(block, "mlp.gate_up_proj", 2 * wide, hidden, false),
            activation(),
            linear(block, "mlp.down_proj", hidden, wide, false));
      }
    }.decoder();
  }
}
