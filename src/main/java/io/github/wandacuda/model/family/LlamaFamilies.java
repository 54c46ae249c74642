package io.github.wandacuda.model.family;

import static io.github.wandacuda.model.family.LlamaStyle.in;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.RoutingRule;
import io.github.wandacuda.model.BlockDescription.MlpDescription;
import io.github.wandacuda.model.BlockDescription.Scores;
import io.github.wandacuda.model.BlockDescription.SharedExpert;
import io.github.wandacuda.model.LinearDescription;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.family.RotaryFrequencies.Defaults;
import java.util.HashSet;
import java.util.Set;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;

/** LLaMA and the families that differ from it by little: Mistral's, Phi's, Qwen's and Gemma's. */
final class LlamaFamilies {
  private static final double EPSILON = 1e-6;

  private static final String PER_TOKEN = "num_experts_per_tok";
  private static final String DENSE_BLOCKS = "mlp_only_layers";

  private LlamaFamilies() {}

  /**
   * LLaMA, LLaMA-2 and Llama-3 (Touvron et al., arXiv 2302.13971 and 2307.09288; arXiv 2407.21783).
   */
  static LlamaStyle llama(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 0, EPSILON).withAttentionBias();
    style.mlpBias = config.flag("mlp_bias", false);
    return style;
  }

  /** Mistral (Jiang et al., arXiv 2310.06825): LLaMA with a window. */
  static LlamaStyle mistral(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 0, EPSILON);
    style.window = Windows.of(config, Windows.USUAL, block -> true)::at;
    return style;
  }

  /** Mixtral (Jiang et al., arXiv 2401.04088): Mistral with a mixture of experts. */
  static LlamaStyle mixtral(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 0, 1e-5);
    style.rope = Defaults.of(1e6);
    style.window = Windows.of(config, 0, block -> true)::at;
    style.mlp =
        MixtureFamilies.mixtralExperts(
            style, RoutingRule.softmax(config.positive(PER_TOKEN), true), false);
    return style;
  }

  /**
   * Phi-3 and Phi-4 (arXiv 2404.14219): LLaMA with one module for q, k and v and one for gate and
   * up.
   */
  static LlamaStyle phi3(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 0, 1e-5);
    style.rope = Defaults.partial(1, RotaryFrequencies.DEFAULT_THETA);
    style.window = Windows.of(config, 0, block -> true)::at;
    style.fusedAttention = true;
    style.fusedMlp = true;
    return style;
  }

  /**
   * Qwen 1.5, 2 and 2.5 (arXiv 2407.10671): LLaMA with biases on q, k and v, and windows in the
   * last blocks.
   */
  static LlamaStyle qwen2(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 0, EPSILON);
    style.projectionBias = true;
    style.window = Windows.ofQwen(config)::at;
    return style;
  }

  /**
   * Qwen 3 (arXiv 2505.09388): LLaMA with norms over the heads of q and k, and windows in the last
   * blocks.
   */
  static LlamaStyle qwen3(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 128, EPSILON).withAttentionBias();
    style.headNorms = true;
    style.window = Windows.ofQwen(config)::at;
    return style;
  }

  /**
   * Qwen 1.5 and 2 MoE (arXiv 2407.10671): Qwen 2 with a mixture of experts and a shared expert.
   */
  static LlamaStyle qwen2Moe(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 0, EPSILON);
    style.projectionBias = config.flag("qkv_bias", true);
    return withSharedExpert(style);
  }

  /** Adds Qwen's mixture with an expert for all tokens. */
  static LlamaStyle withSharedExpert(LlamaStyle style) {
    return qwenMixture(
        style,
        name ->
            new SharedExpert(
                LinearDescription.of(name + "shared_expert_gate", 1, style.hidden, false),
                style.gated(
                    name + "shared_expert.",
                    style.config.positive("shared_expert_intermediate_size"))));
  }

  /** Qwen 3 MoE (arXiv 2505.09388): Qwen 3 with a mixture of experts, without a shared one. */
  static LlamaStyle qwen3Moe(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 0, EPSILON).withAttentionBias();
    style.headNorms = true;
    return qwenMixture(style, name -> null);
  }

  /**
   * Describes what Qwen's mixtures of experts have in common: their windows, dense blocks and
   * experts.
   *
   * @param shared describes a mixture's shared expert by its name, or returns null
   */
  private static LlamaStyle qwenMixture(LlamaStyle style, Function<String, SharedExpert> shared) {
    ModelConfig config = style.config;
    style.window = Windows.ifUsed(config, Windows.USUAL, block -> true)::at;
    int experts = config.positive("num_experts");
    IntPredicate dense = denseBlocks(config);
    IntFunction<MlpDescription> plain = style.mlp;
    style.mlp =
        block -> {
          if (dense.test(block)) {
            return plain.apply(block);
          }
          String name = in(block, "mlp.");
          int wide = config.positive("moe_intermediate_size");
          return MixtureFamilies.mixture(
              config,
              LinearDescription.of(name + "gate", experts, style.hidden, false),
              RoutingRule.softmax(config.positive(PER_TOKEN), config.flag("norm_topk_prob", false)),
              null,
              expert -> style.gated(name + "experts." + expert + ".", wide),
              shared.apply(name));
        };
    return style;
  }

  /**
   * Reads which blocks of a Qwen model have an MLP without experts: those of {@code
   * mlp_only_layers}, and all but every {@code decoder_sparse_step}-th.
   */
  private static IntPredicate denseBlocks(ModelConfig config) {
    int step = config.positive("decoder_sparse_step", 1);
    Set<Integer> listed = new HashSet<>();
    for (JsonNode block : config.list(DENSE_BLOCKS)) {
      if (!block.isInt()) {
        throw config.wrong(DENSE_BLOCKS, "whole numbers", block);
      }
      listed.add(block.intValue());
    }
    return block -> listed.contains(block) || (block + 1) % step != 0;
  }

  /** Gemma (arXiv 2403.08295): LLaMA with larger embeddings, gains around 1 and a GELU. */
  static LlamaStyle gemma(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 256, EPSILON).withAttentionBias();
    style.activation = gemmaActivation(config);
    style.gainOffset = 1;
    style.embeddingScale = (float) Math.sqrt(style.hidden);
    return style;
  }

  /**
   * Gemma 2 (arXiv 2408.00118): Gemma with norms after its branches too, bounded scores and logits,
   * and a window in every second block.
   */
  static LlamaStyle gemma2(ModelConfig config) {
    double scale = 1 / Math.sqrt(config.number("query_pre_attn_scalar", 256));
    LlamaStyle style = gemma(config);
    style.scores = Scores.scaled(scale).capped(cap(config, "attn_logit_softcapping", 50));
    style.logitCap = cap(config, "final_logit_softcapping", 30);
    style.window = Windows.of(config, Windows.USUAL, block -> block % 2 == 0)::at;
    style.norms = LlamaStyle.AROUND;
    return style;
  }

  /**
   * Reads Gemma's activation. The first configs say gelu but mean its tanh form, which the newer
   * key {@code hidden_activation} states.
   */
  private static Activation gemmaActivation(ModelConfig config) {
    String key = "hidden_activation";
    if (config.find(key).isPresent()) {
      return Activations.of(config, key, "");
    }
    Activation old = Activations.of(config, "hidden_act", "gelu_pytorch_tanh");
    return old == Activation.GELU ? Activation.GELU_TANH : old;
  }

  /**
   * Reads a bound of scores or logits.
   *
   * @param otherwise the bound if the key is absent
   * @return 0 if the value is null, which means no bound
   */
  static float cap(ModelConfig config, String key, double otherwise) {
    boolean none = config.has(key) && config.find(key).isEmpty();
    return none ? 0 : (float) config.number(key, otherwise);
  }
}
