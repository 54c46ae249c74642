package io.github.wandacuda.model.family;

import com.google.auto.service.AutoService;
import io.github.wandacuda.model.DecoderFamily;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.decoder.DecoderDescription;
import io.github.wandacuda.model.decoder.LinearDescription;
import io.github.wandacuda.model.decoder.MlpDescription;
import io.github.wandacuda.model.decoder.NormDescription;
import java.util.function.IntPredicate;

/** Qwen 3 MoE (arXiv 2505.09388): Qwen 3 with a mixture of experts and none that is shared. */
@AutoService(DecoderFamily.class)
public final class Qwen3MoeFamily implements DecoderFamily {
  private static final int DEFAULT_WINDOW = 4096;

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
    Windows windows = Windows.ifUsed(config, DEFAULT_WINDOW, block -> true);
    IntPredicate denseBlocks = Experts.denseBlocks(config);
    int experts = config.positive("num_experts");
    return new LlamaStyle(config) {
      @Override
      NormDescription headNorm(int block, String which) {
        return norm(in(block, "self_attn." + which + "_norm"), heads().size());
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
            null);
      }
    }.decoder();
  }
}
