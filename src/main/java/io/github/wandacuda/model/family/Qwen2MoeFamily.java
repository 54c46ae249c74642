package io.github.wandacuda.model.family;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.auto.service.AutoService;
import io.github.wandacuda.model.DecoderFamily;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.decoder.AttentionDescription.Scores;
import io.github.wandacuda.model.decoder.DecoderDescription;
import io.github.wandacuda.model.decoder.LinearDescription;
import io.github.wandacuda.model.decoder.MlpDescription;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.IntStream;

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
    private final int sparseStep;
    private final Set<Integer> denseBlocks = new HashSet<>();

    Style(ModelConfig config) {
      super(config);
      windows = Windows.ifUsed(config, DEFAULT_WINDOW, block -> true);
      experts = config.positive("num_experts");
      sparseStep = config.positive("decoder_sparse_step", 1);
      for (JsonNode block : config.list("mlp_only_layers")) {
        if (!block.isInt()) {
          throw config.wrong("mlp_only_layers", "whole numbers", block);
        }
        denseBlocks.add(block.intValue());
      }
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
    Scores scores(int block) {
      return super.scores(block).within(windows.at(block));
    }

    @Override
    MlpDescription mlp(int block) {
      boolean dense = denseBlocks.contains(block) || (block + 1) % sparseStep != 0;
      return dense ? super.mlp(block) : mixture(in(block, "mlp."));
    }

    private MlpDescription mixture(String name) {
      int wide = config.positive("moe_intermediate_size");
      return new MlpDescription.Experts(
          LinearDescription.of(name + "gate", experts, hidden, false),
          Experts.perToken(config, experts),
          config.flag("norm_topk_prob", false),
          IntStream.range(0, experts)
              .mapToObj(expert -> gated(name + "experts." + expert + ".", wide))
              .toList(),
          new MlpDescription.SharedExpert(
              LinearDescription.of(name + "shared_expert_gate", 1, hidden, false),
              gated(name + "shared_expert.", config.positive("shared_expert_intermediate_size"))));
    }
  }
}
