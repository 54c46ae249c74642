package io.github.wandacuda.model.family;

import com.google.auto.service.AutoService;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.LinearDescription;
import io.github.wandacuda.model.MlpDescription;
import io.github.wandacuda.model.ModelConfig;

/** Qwen 1.5 and 2 MoE (arXiv 2407.10671): Qwen 2 with a mixture of experts and a shared expert. */
@AutoService(DecoderFamily.class)
public final class Qwen2MoeFamily implements DecoderFamily {
  @Override
  public String modelType() {
    return "qwen2_moe";
  }

  @Override
  public String architecture() {
    return "Qwen2MoeForCausalLM";
  }

  @Override
  public DecoderDescription describe(ModelConfig config) {
    return new Style(config).decoder();
  }

  private static final class Style extends QwenMixtureStyle {
    Style(ModelConfig config) {
      super(config);
    }

    @Override
    boolean projectionBias() {
      return config.flag("qkv_bias", true);
    }

    @Override
    boolean outputBias() {
      return false;
    }

    @Override
    MlpDescription.SharedExpert shared(String name) {
      return new MlpDescription.SharedExpert(
          LinearDescription.of(name + "shared_expert_gate", 1, hidden, false),
          gated(name + "shared_expert.", config.positive("shared_expert_intermediate_size")));
    }
  }
}
