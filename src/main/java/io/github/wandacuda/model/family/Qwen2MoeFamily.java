package io.github.wandacuda.model.family;

import com.google.auto.service.AutoService;
import io.github.wandacuda.model.DecoderFamily;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.decoder.DecoderDescription;
import io.github.wandacuda.model.decoder.LinearDescription;
import io.github.wandacuda.model.decoder.MlpDescription;
import java.util.function.IntPredicate;

/** Qwen 1.5 and 2 MoE (arXiv 2407.10671): Qwen 2 with a mixture of experts and a shared one. */
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

  private static final class Style extends LlamaStyle {
    private static final int DEFAULT_WINDOW = 4096;

    private final Windows windows;
    private final int experts;
    private final IntPredicate denseBlocks;

    Style(ModelConfig config) {
      super(config);
      windows = Windows.ifUsed(config, DEFAULT_WINDOW, block -> true);
      experts = config.positive("num_experts");
      denseBlocks = Experts.denseBlocks(config);
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
    int window(int block) {
      return windows.at(block);
    }

    @Override
    MlpDescription mlp(int block) {
      return denseBlocks.test(block) ? super.mlp(block) : mixture(in(block, "mlp."));
    }

    private MlpDescription mixture(String name) {
      int wide = config.positive("moe_intermediate_size");
      return Experts.mixture(
          config,
          LinearDescription.of(name + "gate", experts, hidden, false),
          config.flag("norm_topk_prob", false),
          expert -> gated(name + "experts." + expert + ".", wide),
          new MlpDescription.SharedExpert(
              LinearDescription.of(name + "shared_expert_gate", 1, hidden, false),
              gated(name + "shared_expert.", config.positive("shared_expert_intermediate_size"))));
    }
  }
}
