package io.github.wandacuda.model.family;

import static io.github.wandacuda.model.family.LlamaStyle.in;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.RotaryPairs;
import io.github.wandacuda.forward.RoutingRule;
import io.github.wandacuda.forward.RoutingRule.Groups;
import io.github.wandacuda.forward.RoutingRule.Scores;
import io.github.wandacuda.model.BlockDescription.DenseMlp;
import io.github.wandacuda.model.BlockDescription.Experts;
import io.github.wandacuda.model.BlockDescription.LatentDescription;
import io.github.wandacuda.model.BlockDescription.MlpDescription;
import io.github.wandacuda.model.BlockDescription.SharedExpert;
import io.github.wandacuda.model.LinearDescription;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.NormDescription;
import io.github.wandacuda.model.NormDescription.Kind;
import io.github.wandacuda.model.Rotary;
import io.github.wandacuda.model.family.RotaryFrequencies.Defaults;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;

/** Families that are mixtures of experts in LLaMA's style, and the mixtures of others. */
final class MixtureFamilies {
  /** DeepSeek's addend to the sum by which weights are divided; it matters only if the sum is 0. */
  private static final double DEEPSEEK_LEAST = 1e-20;

  private static final double EPSILON = 1e-6;
  private static final double LARGER_EPSILON = 1e-5;
  private static final double MINIMAX_THETA = 5e6;

  /** The scaling of configs that don't have one. */
  private static final String GPT_OSS_SCALING =
      """
      {"rope_scaling": {"rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0,
        "truncate": false, "original_max_position_embeddings": 4096}}
      """;

  private static final String PER_TOKEN = "num_experts_per_tok";

  private MixtureFamilies() {}

  /**
   * OLMoE (arXiv 2409.02060): LLaMA with norms over all heads of q and k together, bounds of q, k
   * and v in some models, and a mixture.
   */
  static LlamaStyle olmoe(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 0, EPSILON).withAttentionBias();
    style.headNorms = true;
    style.wholeNorms = true;
    style.bound = (float) config.number("clip_qkv", 0);
    int experts = config.positive("num_experts");
    boolean renormalize = config.flag("norm_topk_prob", false);
    style.mlp =
        block -> {
          String name = in(block, "mlp.");
          return mixture(
              config,
              LinearDescription.of(name + "gate", experts, style.hidden, false),
              RoutingRule.softmax(config.positive(PER_TOKEN), renormalize),
              null,
              expert ->
                  style.gated(
                      name + "experts." + expert + ".", config.positive("intermediate_size")),
              null);
        };
    return style;
  }

  /**
   * Granite 3's mixtures: Granite with experts in one tensor, and in some models an expert for all
   * tokens. A softmax of the chosen logits alone is that of all, renormalized.
   */
  static LlamaStyle graniteMoe(ModelConfig config) {
    LlamaStyle style = DenseFamilies.granite(config);
    int experts = config.positive("num_local_experts");
    int common = config.whole("shared_intermediate_size", 0);
    style.mlp =
        block -> {
          String name = in(block, "block_sparse_moe.");
          return mixture(
              config,
              LinearDescription.of(name + "router.layer", experts, style.hidden, false),
              RoutingRule.softmax(config.positive(PER_TOKEN), true),
              null,
              expert ->
                  style.fused(
                      name + "input_linear." + expert,
                      name + "output_linear." + expert,
                      config.positive("intermediate_size"),
                      false),
              common == 0
                  ? null
                  : new SharedExpert(
                      null,
                      style.fused(
                          in(block, "shared_mlp.input_linear"),
                          in(block, "shared_mlp.output_linear"),
                          common,
                          false)));
        };
    return style;
  }

  /** GLM 4.5 (arXiv 2508.06471): LLaMA with half of each head turned and DeepSeek V3's mixture. */
  static LlamaStyle glm4Moe(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 128, LARGER_EPSILON);
    style.projectionBias = config.flag("attention_bias", false);
    style.rope = Defaults.partial(0.5, RotaryFrequencies.DEFAULT_THETA);
    style.headNorms = config.flag("use_qk_norm", false);
    style.mlp = deepseek(style, deepseekV3Rule(config, 1), true);
    return style;
  }

  /**
   * MiniMax M2: LLaMA with norms over all heads of q and k together, a part of each head turned,
   * and a mixture that is chosen by sigmoids.
   */
  static LlamaStyle minimaxM2(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 0, EPSILON);
    style.headNorms = config.flag("use_qk_norm", true);
    style.wholeNorms = true;
    style.rope =
        config.find("rotary_dim").isPresent()
            ? rotated(style, config.positive("rotary_dim"))
            : Defaults.partial(1, MINIMAX_THETA);
    style.window = Windows.of(config, 0, block -> true)::at;
    style.mlp =
        mixtralExperts(
            style,
            RoutingRule.of(Scores.SIGMOID, config.positive(PER_TOKEN), true),
            config.flag("use_routing_bias", true));
    return style;
  }

  /**
   * Returns the defaults of an embedding that rotates so many features of a head, whatever share
   * the config has.
   */
  private static Defaults rotated(LlamaStyle style, int features) {
    int size = style.heads.size();
    // Half a feature more, since the share is multiplied by the size and rounded down.
    double share = features < size ? (features + 0.5) / size : 1;
    return new Defaults(List.of(), share, List.of("rope_theta"), MINIMAX_THETA);
  }

  /**
   * Describes a mixture with Mixtral's names.
   *
   * @param corrected whether a correction is added to the scores by which experts are chosen
   */
  static IntFunction<MlpDescription> mixtralExperts(
      LlamaStyle style, RoutingRule rule, boolean corrected) {
    ModelConfig config = style.config;
    int experts = config.positive("num_local_experts");
    return block -> {
      String name = in(block, "block_sparse_moe.");
      return mixture(
          config,
          LinearDescription.of(name + "gate", experts, style.hidden, false),
          rule,
          corrected ? name + "e_score_correction_bias" : null,
          expert -> {
            String own = name + "experts." + expert + ".";
            int wide = config.positive("intermediate_size");
            return style.gated(own + "w1", own + "w3", own + "w2", wide);
          },
          null);
    };
  }

  /**
   * Phi-3.5-MoE (arXiv 2404.14219): LLaMA with LayerNorms, biases, also of the logits, and a sparse
   * mixer.
   */
  static LlamaStyle phimoe(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 0, LARGER_EPSILON).withAttentionBias();
    style.normKind = Kind.LAYER;
    style.rope = Defaults.of(1e6);
    style.headBias = config.flag("lm_head_bias", false);
    style.window = Windows.of(config, 0, block -> true)::at;
    float threshold = (float) (2 * config.number("router_jitter_noise", 0.01));
    style.mlp =
        mixtralExperts(
            style,
            new RoutingRule(
                Scores.SPARSE_MIXER,
                config.positive(PER_TOKEN, 2),
                Groups.ONE,
                false,
                0,
                1,
                threshold),
            false);
    return style;
  }

  /**
   * ERNIE 4.5's mixtures: LLaMA with interleaved pairs, and experts that are chosen by their
   * probabilities with a correction.
   */
  static LlamaStyle ernieMoe(ModelConfig config) {
    LlamaStyle style = DenseFamilies.ernieStyle(config, 0);
    int first = config.whole("moe_layer_start_index", 1);
    int interval = config.positive("moe_layer_interval", 1);
    int last =
        config
            .find("moe_layer_end_index")
            .filter(index -> index.asInt() >= 0)
            .map(index -> config.whole("moe_layer_end_index", 0))
            .orElse(Integer.MAX_VALUE);
    int experts = config.positive("moe_num_experts");
    int shared = config.whole("moe_num_shared_experts", 0);
    RoutingRule rule =
        RoutingRule.softmax(config.positive("moe_k"), true)
            .weighed((float) config.number("moe_norm_min", 1e-12), 1);
    IntFunction<MlpDescription> plain = style.mlp;
    style.mlp =
        block ->
            (block + 1) % interval != 0 || block < first || block > last
                ? plain.apply(block)
                : withShared(
                    style, block, experts, rule, "moe_statics.e_score_correction_bias", shared);
    return style;
  }

  /**
   * Llama 4's text part: LLaMA with interleaved pairs, chunks, and norms without gains of q and k
   * after their rotation, in most blocks; queries that grow with their position in the others; and
   * a mixture that weighs its experts' inputs.
   */
  static LlamaStyle llama4(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 128, LARGER_EPSILON).withAttentionBias();
    IntPredicate rotated = DenseFamilies.rotatedBlocks(config);
    int chunk = config.positive("attention_chunk_size", 8192);
    style.interleaved = true;
    style.rope = Defaults.of(5e5);
    Rotary rotary = style.rotary(style.rope, RotaryFrequencies.FULL, true);
    style.rotary = block -> rotated.test(block) ? rotary : null;
    var types = config.list("layer_types");
    style.chunk =
        block ->
            (block < types.size()
                    ? types.get(block).asText().equals("chunked_attention")
                    : rotated.test(block))
                ? chunk
                : 0;
    style.headNorms = config.flag("use_qk_norm", true);
    style.headNormed = rotated;
    style.headGains = false;
    style.normsLast = true;
    String tuning = "attn_temperature_tuning";
    // The first configs have a number instead of a list.
    if (config.find(tuning).map(JsonNode::isNumber).orElse(false) || config.flag(tuning, true)) {
      double scale = config.number("attn_scale", 0.1);
      double floor = config.number("floor_scale", 8192);
      Rotary factor =
          Rotary.scaling(
              style.heads.size(),
              position -> 1 + scale * Math.log1p(Math.floor((position + 1) / floor)));
      style.queryFactor = block -> rotated.test(block) ? null : factor;
    }
    IntPredicate mixed = llama4Mixtures(config);
    int experts = config.positive("num_local_experts");
    style.mlp =
        block -> {
          String name = in(block, "feed_forward.");
          return mixed.test(block)
              ? llama4Mixture(style, name, experts)
              : style.gated(name, config.positive("intermediate_size_mlp"));
        };
    return style;
  }

  private static IntPredicate llama4Mixtures(ModelConfig config) {
    int step = config.positive("interleave_moe_layer_step", 1);
    Set<Integer> listed = new HashSet<>();
    config.list("moe_layers").forEach(block -> listed.add(block.asInt(-1)));
    return block ->
        config.find("moe_layers").isPresent() ? listed.contains(block) : (block + 1) % step == 0;
  }

  private static MlpDescription llama4Mixture(LlamaStyle style, String name, int experts) {
    ModelConfig config = style.config;
    int wide = config.positive("intermediate_size");
    LinearDescription router = LinearDescription.of(name + "router", experts, style.hidden, false);
    RoutingRule rule = RoutingRule.of(Scores.SIGMOID, config.positive(PER_TOKEN), false);
    requireExperts(config, router, rule);
    return new Experts(
        router,
        rule,
        null,
        true,
        expert -> stacked(style, name + "experts.", expert, wide, false, style.activation),
        new SharedExpert(null, style.gated(name + "shared_expert.", wide)));
  }

  /** Describes an expert whose weights are parts of stacks of [in, out]. */
  private static MlpDescription stacked(
      LlamaStyle style, String name, int expert, int wide, boolean biased, Elementwise activation) {
    return new DenseMlp(
        List.of(
            new LinearDescription(
                name + "gate_up_proj." + expert, 2 * wide, style.hidden, biased, true)),
        true,
        biased,
        activation,
        null,
        new LinearDescription(name + "down_proj." + expert, style.hidden, wide, biased, true));
  }

  /**
   * gpt-oss (arXiv 2508.10925): LLaMA with biases, sinks, windows in every second block, and a
   * mixture whose gate is bounded. A softmax of the chosen logits alone is that of all,
   * renormalized.
   */
  static LlamaStyle gptOss(ModelConfig given) {
    boolean told = given.has("rope_scaling") || given.has("rope_parameters");
    ModelConfig config = told ? given : given.having(GPT_OSS_SCALING);
    LlamaStyle style = new LlamaStyle(config, 64, LARGER_EPSILON);
    style.projectionBias = config.flag("attention_bias", true);
    style.outputBias = style.projectionBias;
    style.rope = Defaults.of(150_000);
    style.sinks = "sinks";
    style.window = Windows.of(config, 128, block -> block % 2 == 0)::at;
    Elementwise gate = new Elementwise.ClampedGate((float) config.number("swiglu_limit", 7));
    int experts = config.positive("num_local_experts");
    style.mlp =
        block -> {
          String name = in(block, "mlp.");
          int wide = config.positive("intermediate_size");
          return mixture(
              config,
              LinearDescription.of(name + "router", experts, style.hidden, true),
              RoutingRule.softmax(config.positive(PER_TOKEN), true),
              null,
              expert -> stacked(style, name + "experts.", expert, wide, true, gate),
              null);
        };
    return style;
  }

  /** DeepSeek V2 (arXiv 2405.04434): LLaMA with latent attention and a mixture. */
  static LlamaStyle deepseekV2(ModelConfig config) {
    LlamaStyle style = latentStyle(config, EPSILON);
    style.mlp = deepseek(style, deepseekV2Rule(config), false);
    return style;
  }

  /**
   * DeepSeek V3 (arXiv 2412.19437), R1 and Kimi K2: V2 whose experts are chosen by sigmoids with a
   * correction.
   */
  static LlamaStyle deepseekV3(ModelConfig config) {
    LlamaStyle style = latentStyle(config, EPSILON);
    style.mlp = deepseek(style, deepseekV3Rule(config, 2.5), true);
    return style;
  }

  /** GLM 4.7 Flash: DeepSeek V3 with GLM's defaults. */
  static LlamaStyle glm4MoeLite(ModelConfig config) {
    LlamaStyle style = latentStyle(config, LARGER_EPSILON);
    style.mlp = deepseek(style, deepseekV3Rule(config, 1), true);
    return style;
  }

  /** Describes LLaMA with latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1). */
  private static LlamaStyle latentStyle(ModelConfig config, double epsilon) {
    LlamaStyle style = new LlamaStyle(config, 0, epsilon);
    style.mlpBias = config.flag("mlp_bias", false);
    int plain = config.positive("qk_nope_head_dim", 128);
    int rotated = config.positive("qk_rope_head_dim", 64);
    int valueSize = config.positive("v_head_dim", 128);
    int size = Math.max(plain + rotated, valueSize);
    boolean queriesAreNarrow = config.find("q_lora_rank").isPresent() || !config.has("q_lora_rank");
    int queryRank = queriesAreNarrow ? config.positive("q_lora_rank", 1536) : 0;
    int rank = config.positive("kv_lora_rank", 512);
    int heads = style.heads.queries();
    config.requireWidth("num_attention_heads", (long) heads * (size + valueSize));
    boolean bias = config.flag("attention_bias", false);
    RotaryPairs pairs = new RotaryPairs(rotated, 0, config.flag("rope_interleave", true));
    Rotary rotary = RotaryFrequencies.of(config, pairs, style.rope);
    style.rotary = block -> rotary;
    float scale = (float) (RotaryFrequencies.latentScale(config) / Math.sqrt(plain + rotated));
    style.mixer =
        block -> {
          String name = in(block, "self_attn.");
          int queries = heads * (plain + rotated);
          return new LatentDescription(
              queryRank == 0
                  ? List.of(LinearDescription.of(name + "q_proj", queries, style.hidden, false))
                  : List.of(
                      LinearDescription.of(name + "q_a_proj", queryRank, style.hidden, bias),
                      LinearDescription.of(name + "q_b_proj", queries, queryRank, false)),
              queryRank == 0 ? null : inner(name + "q_a_layernorm", queryRank),
              LinearDescription.of(name + "kv_a_proj_with_mqa", rank + rotated, style.hidden, bias),
              inner(name + "kv_a_layernorm", rank),
              LinearDescription.of(name + "kv_b_proj", heads * (plain + valueSize), rank, false),
              heads,
              rotated,
              valueSize,
              rotary,
              scale,
              LinearDescription.of(name + "o_proj", style.hidden, heads * valueSize, bias));
        };
    return style;
  }

  /** Describes a norm inside latent attention, whose epsilon doesn't depend on the config. */
  private static NormDescription inner(String name, int size) {
    return new NormDescription(Kind.RMS, name, size, 1e-6f, true, 0);
  }

  /**
   * Describes the MLP of a block of DeepSeek V2 or V3 or GLM 4.5: dense in the first blocks, then a
   * mixture with shared experts as one.
   *
   * @param corrected whether a correction is added to the scores by which experts are chosen
   */
  private static IntFunction<MlpDescription> deepseek(
      LlamaStyle style, RoutingRule rule, boolean corrected) {
    ModelConfig config = style.config;
    int dense = config.whole("first_k_dense_replace", 0);
    int step = config.positive("moe_layer_freq", 1);
    int experts = config.positive("n_routed_experts");
    int shared = config.whole("n_shared_experts", 0);
    IntFunction<MlpDescription> plain = style.mlp;
    String correction = corrected ? "gate.e_score_correction_bias" : null;
    return block ->
        block < dense || block % step != 0
            ? plain.apply(block)
            : withShared(style, block, experts, rule, correction, shared);
  }

  /**
   * Describes a block's mixture whose experts and shared experts have widths of their own.
   *
   * @param correction the correction's name within the mixture, or null for none
   * @param shared how many experts are for all tokens
   */
  private static MlpDescription withShared(
      LlamaStyle style, int block, int experts, RoutingRule rule, String correction, int shared) {
    String name = in(block, "mlp.");
    int wide = style.config.positive("moe_intermediate_size");
    return mixture(
        style.config,
        LinearDescription.of(name + "gate", experts, style.hidden, false),
        rule,
        correction == null ? null : name + correction,
        expert -> style.gated(name + "experts." + expert + ".", wide),
        shared(style, name + "shared_experts.", wide, shared));
  }

  /** Reads how DeepSeek V2 chooses experts (arXiv 2405.04434, section 2.2). */
  private static RoutingRule deepseekV2Rule(ModelConfig config) {
    String method = config.text("topk_method", "greedy");
    RoutingRule rule =
        RoutingRule.softmax(config.positive(PER_TOKEN), false)
            .weighed(0, (float) config.number("routed_scaling_factor", 1));
    return switch (method) {
      case "greedy" -> rule;
      case "group_limited_greedy" -> rule.in(groups(config, 1));
      default -> throw config.notComputed("topk_method", "greedy or group_limited_greedy");
    };
  }

  /** Reads how DeepSeek V3 and GLM 4.5 choose experts (arXiv 2412.19437, section 2.1.2). */
  private static RoutingRule deepseekV3Rule(ModelConfig config, double defaultScale) {
    boolean renormalize = config.flag("norm_topk_prob", true);
    return RoutingRule.of(Scores.SIGMOID, config.positive(PER_TOKEN), renormalize)
        .in(groups(config, 2))
        .weighed(
            (float) DEEPSEEK_LEAST, (float) config.number("routed_scaling_factor", defaultScale));
  }

  /**
   * Reads the groups from which experts are chosen.
   *
   * @param best how many of a group's highest scores are added to its value
   */
  private static Groups groups(ModelConfig config, int best) {
    int experts = config.positive("n_routed_experts");
    int count = config.positive("n_group", 1);
    int chosen = config.positive("topk_group", count);
    if (count > Groups.MOST || experts % count != 0 || (count > 1 && experts / count < best)) {
      throw config.wrong(
          "n_group",
          "%d or a divisor of the %d experts with at least %d a group".formatted(1, experts, best));
    }
    if (chosen > count || config.positive(PER_TOKEN) > experts / count * chosen) {
      throw config.wrong(
          "topk_group",
          "at most the %d groups, with as many experts as a token is sent to".formatted(count));
    }
    return count == 1 ? Groups.ONE : new Groups(count, chosen, best);
  }

  /**
   * Describes the experts for all tokens as one expert that is as wide as all of them together.
   *
   * @return null if there are none
   */
  private static SharedExpert shared(LlamaStyle style, String name, int wide, int count) {
    if (count == 0) {
      return null;
    }
    style.config.requireWidth("moe_intermediate_size", (long) wide * count);
    return new SharedExpert(null, style.gated(name, wide * count));
  }

  /**
   * Describes a mixture of experts.
   *
   * @param router the module that scores experts, a row for each
   * @param rule how experts are chosen and weighed
   * @param correction the full name of the correction's tensor, or null
   * @param expert describes an expert by its number
   * @param shared the expert for all tokens, or null
   * @throws io.github.wandacuda.error.InputException if a token is sent to more experts than there
   *     are
   */
  static MlpDescription mixture(
      ModelConfig config,
      LinearDescription router,
      RoutingRule rule,
      String correction,
      IntFunction<MlpDescription> expert,
      SharedExpert shared) {
    requireExperts(config, router, rule);
    return new Experts(router, rule, correction, false, expert, shared);
  }

  private static void requireExperts(
      ModelConfig config, LinearDescription router, RoutingRule rule) {
    if (rule.expertsPerToken() > router.rows()) {
      String key = config.has(PER_TOKEN) ? PER_TOKEN : "moe_k";
      throw config.wrong(key, "at most the %d experts".formatted(router.rows()));
    }
  }
}
