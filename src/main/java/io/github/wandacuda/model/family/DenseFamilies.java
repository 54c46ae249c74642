package io.github.wandacuda.model.family;

import static io.github.wandacuda.model.family.LlamaStyle.in;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.model.BlockDescription.Scores;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.NormDescription.Kind;
import io.github.wandacuda.model.Rotary;
import io.github.wandacuda.model.family.LlamaStyle.BlockNorms;
import io.github.wandacuda.model.family.RotaryFrequencies.Defaults;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.IntPredicate;

/** The dense families from 2024 on, LLaMA with other norms, positions, factors and activations. */
final class DenseFamilies {
  private static final double EPSILON = 1e-6;
  private static final double LARGER_EPSILON = 1e-5;
  private static final double THETA = RotaryFrequencies.DEFAULT_THETA;
  private static final int HEAD_SIZE = 128;
  private static final String ATTENTION_BIAS = "attention_bias";
  private static final String LAYER_EPSILON = "layer_norm_eps";

  private DenseFamilies() {}

  /**
   * Gemma 3 (arXiv 2503.19786): Gemma 2 without bounds, with norms over the heads of q and k, and
   * another rotary embedding in blocks with a window.
   */
  static LlamaStyle gemma3(ModelConfig given) {
    ModelConfig config =
        given.having(
            """
            {"num_attention_heads": 8, "num_key_value_heads": 4, "vocab_size": 262208,
              "max_position_embeddings": 131072}
            """);
    if (config.flag("use_bidirectional_attention", false)) {
      throw config.notComputed("use_bidirectional_attention", "causal attention, false");
    }
    Windows windows = Windows.pattern(config, 6);
    double scale = 1 / Math.sqrt(config.number("query_pre_attn_scalar", 256));
    LlamaStyle style = LlamaFamilies.gemma(config);
    style.scores =
        Scores.scaled(scale).capped(LlamaFamilies.cap(config, "attn_logit_softcapping", 0));
    style.logitCap = LlamaFamilies.cap(config, "final_logit_softcapping", 0);
    style.norms = LlamaStyle.AROUND;
    style.headNorms = true;
    style.window = windows::at;
    Defaults local = new Defaults(List.of(), 1, List.of("rope_local_base_freq"), THETA);
    Rotary near = style.rotary(local, RotaryFrequencies.SLIDING, false);
    Rotary far = style.rotary(Defaults.of(1e6), RotaryFrequencies.FULL, true);
    style.rotary = block -> windows.windowed().test(block) ? near : far;
    return style;
  }

  /** OLMo (arXiv 2402.00838): LayerNorms without gains, and in some models bounded q, k and v. */
  static LlamaStyle olmo(ModelConfig config) {
    // The epsilon has no key.
    LlamaStyle style = new LlamaStyle(config, 0, "", LARGER_EPSILON).withAttentionBias();
    style.normKind = Kind.LAYER;
    style.affine = false;
    style.bound = (float) config.number("clip_qkv", 0);
    return style;
  }

  /**
   * OLMo 2 (arXiv 2501.00656): LLaMA with norms after the branches instead of before them, and over
   * all heads of q and k together.
   */
  static LlamaStyle olmo2(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 0, LARGER_EPSILON).withAttentionBias();
    style.norms = LlamaStyle.AFTER;
    style.headNorms = true;
    style.wholeNorms = true;
    return style;
  }

  /** OLMo 3: OLMo 2 with windows, in whose blocks the rotary embedding isn't scaled. */
  static LlamaStyle olmo3(ModelConfig config) {
    Windows windows = Windows.of(config, Windows.USUAL, block -> (block + 1) % 4 != 0);
    LlamaStyle style = olmo2(config);
    style.window = windows::at;
    Rotary near = style.rotary(style.rope, RotaryFrequencies.SLIDING, false);
    Rotary far = style.rotary(style.rope, RotaryFrequencies.FULL, true);
    style.rotary = block -> windows.windowed().test(block) ? near : far;
    return style;
  }

  /** Granite 3: LLaMA with factors of embeddings, scores, branches and logits. */
  static LlamaStyle granite(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 0, EPSILON).withAttentionBias();
    style.mlpBias = config.flag("mlp_bias", false);
    style.embeddingScale = (float) config.number("embedding_multiplier", 1);
    style.scores = Scores.scaled(config.number("attention_multiplier", 1));
    style.residualFactor = (float) config.number("residual_multiplier", 1);
    style.logitScale = (float) (1 / config.number("logits_scaling", 1));
    return style;
  }

  /** SmolLM 3: LLaMA, of whose blocks some have no rotary embedding. */
  static LlamaStyle smollm3(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 0, EPSILON).withAttentionBias();
    style.mlpBias = config.flag("mlp_bias", false);
    IntPredicate rotated = rotatedBlocks(config);
    Rotary rotary = style.rotary(Defaults.of(2e6), RotaryFrequencies.FULL, true);
    style.rotary = block -> rotated.test(block) ? rotary : null;
    style.window = Windows.ifUsed(config, 0, block -> !rotated.test(block))::at;
    return style;
  }

  /**
   * Reads which blocks have a rotary embedding: those with a 1 in {@code no_rope_layers}, whose
   * name says the opposite; without the list all but every {@code no_rope_layer_interval}-th.
   */
  static IntPredicate rotatedBlocks(ModelConfig config) {
    String key = "no_rope_layers";
    Set<Integer> rotated = new HashSet<>();
    var list = config.list(key);
    for (int block = 0; block < list.size(); block++) {
      if (list.get(block).asInt(0) != 0) {
        rotated.add(block);
      }
    }
    int every = config.positive("no_rope_layer_interval", 4);
    int blocks = config.positive("num_hidden_layers");
    if (!list.isEmpty() && list.size() < blocks) {
      throw config.wrong(key, "a number for each of %d blocks".formatted(blocks));
    }
    return list.isEmpty() ? block -> (block + 1) % every != 0 : rotated::contains;
  }

  /**
   * Command R: LayerNorms without a bias, parallel branches, interleaved pairs, scaled logits, and
   * in some models norms of q and k with a gain for each head.
   */
  static LlamaStyle cohere(ModelConfig config) {
    LlamaStyle style = cohereStyle(config);
    style.headNorms = config.flag("use_qk_norm", false);
    style.headNormKind = Kind.LAYER_WITHOUT_BIAS;
    style.ownGains = true;
    return style;
  }

  /** Command R7B and A (arXiv 2504.00698): Command R, rotated in blocks with a window alone. */
  static LlamaStyle cohere2(ModelConfig config) {
    Windows windows = Windows.pattern(config, 4);
    LlamaStyle style = cohereStyle(config);
    style.window = windows::at;
    Rotary rotary = style.rotary(style.rope, RotaryFrequencies.SLIDING, true);
    style.rotary = block -> windows.at(block) > 0 ? rotary : null;
    return style;
  }

  private static LlamaStyle cohereStyle(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 0, LAYER_EPSILON, LARGER_EPSILON).withAttentionBias();
    style.normKind = Kind.LAYER_WITHOUT_BIAS;
    style.norms = LlamaStyle.SHARED;
    style.parallel = true;
    style.interleaved = true;
    style.logitScale = (float) config.number("logit_scale", 0.0625);
    return style;
  }

  /**
   * GLM-4 of 2024: LLaMA with interleaved pairs, of half a head, and one module for gate and up.
   */
  static LlamaStyle glm(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, HEAD_SIZE, 1.5625e-07);
    style.projectionBias = config.flag(ATTENTION_BIAS, false);
    style.interleaved = true;
    style.rope = Defaults.partial(0.5, THETA);
    style.fusedMlp = true;
    return style;
  }

  /** GLM-4 of 2025: the same with norms after its branches too. */
  static LlamaStyle glm4(ModelConfig config) {
    LlamaStyle style = glm(config);
    style.norms =
        new BlockNorms(
            "input_layernorm",
            "post_self_attn_layernorm",
            "post_attention_layernorm",
            "post_mlp_layernorm");
    return style;
  }

  /** Helium: LLaMA with interleaved pairs. */
  static LlamaStyle helium(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, HEAD_SIZE, 1e-8);
    style.projectionBias = config.flag(ATTENTION_BIAS, false);
    style.mlpBias = config.flag("mlp_bias", false);
    style.interleaved = true;
    style.rope = Defaults.of(1e5);
    return style;
  }

  /** ERNIE 4.5's dense models: LLaMA with interleaved pairs. */
  static LlamaStyle ernie(ModelConfig config) {
    return ernieStyle(config, HEAD_SIZE);
  }

  static LlamaStyle ernieStyle(ModelConfig config, int headSize) {
    LlamaStyle style = new LlamaStyle(config, headSize, LARGER_EPSILON);
    style.projectionBias = config.flag("use_bias", false);
    style.outputBias = style.projectionBias;
    style.mlpBias = style.projectionBias;
    style.interleaved = true;
    style.rope = Defaults.of(5e5);
    return style;
  }

  /** CWM (arXiv 2510.02387): Llama 3 with a window in all but every fourth block. */
  static LlamaStyle cwm(ModelConfig given) {
    ModelConfig config = stretched(given, 16);
    LlamaStyle style = new LlamaStyle(config, HEAD_SIZE, LARGER_EPSILON);
    style.mlpBias = config.flag("mlp_bias", false);
    style.rope = Defaults.of(1e6);
    style.window = Windows.of(config, 8192, block -> block % 4 != 0)::at;
    return style;
  }

  /** Returns a config with Llama 3's scaling, if it doesn't say anything of one. */
  private static ModelConfig stretched(ModelConfig config, double factor) {
    return config.has("rope_parameters")
        ? config
        : config.having(
            """
            {"rope_scaling": {"rope_type": "llama3", "factor": %s, "low_freq_factor": 1,
              "high_freq_factor": 4, "original_max_position_embeddings": 8192}}
            """
                .formatted(factor));
  }

  /** StarCoder 2 (arXiv 2402.19173): LayerNorms, biases, windows, and an MLP without a gate. */
  static LlamaStyle starcoder2(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 0, "norm_epsilon", LARGER_EPSILON);
    style.projectionBias = config.flag("use_bias", true);
    style.outputBias = style.projectionBias;
    style.mlpBias = style.projectionBias;
    style.normKind = Kind.LAYER;
    style.window = Windows.of(config, 0, block -> true)::at;
    style.activation = Activations.of(config, "hidden_act", "gelu_pytorch_tanh");
    style.mlp = block -> style.ungated(in(block, "mlp.c_fc"), in(block, "mlp.c_proj"), null);
    return style;
  }

  /**
   * StableLM 2 (arXiv 2402.17834): LayerNorms, a part of each head turned, and in some models
   * parallel branches, or norms of q and k with a gain for each head.
   */
  static LlamaStyle stablelm(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 0, LAYER_EPSILON, LARGER_EPSILON);
    style.projectionBias = config.flag("use_qkv_bias", false);
    style.normKind = Kind.LAYER;
    style.rope = Defaults.partial(0.25, THETA);
    style.headNorms = config.flag("qk_layernorm", false);
    style.headNormKind = Kind.LAYER_WITHOUT_BIAS;
    style.ownGains = true;
    style.queryNorm = "q_layernorm";
    style.keyNorm = "k_layernorm";
    style.parallel = config.flag("use_parallel_residual", false);
    style.norms = style.parallel ? LlamaStyle.SHARED : LlamaStyle.BEFORE;
    return style;
  }

  /**
   * Nemotron 4 and Minitron (arXiv 2402.16819): LayerNorms with gains around 1, half a head turned,
   * and an MLP of squared ReLUs without a gate.
   */
  static LlamaStyle nemotron(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 0, "norm_eps", LARGER_EPSILON).withAttentionBias();
    style.mlpBias = config.flag("mlp_bias", false);
    style.normKind = Kind.LAYER;
    style.gainOffset = 1;
    style.rope = Defaults.partial(0.5, THETA);
    style.activation = Activations.of(config, "hidden_act", "relu2");
    style.mlp = block -> style.ungated(in(block, "mlp.up_proj"), in(block, "mlp.down_proj"), null);
    return style;
  }

  /** AFM of Arcee: LLaMA with an MLP of squared ReLUs without a gate. */
  static LlamaStyle arcee(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 0, LARGER_EPSILON).withAttentionBias();
    style.mlpBias = config.flag("mlp_bias", false);
    style.activation = Activations.of(config, "hidden_act", "relu2");
    style.mlp = block -> style.ungated(in(block, "mlp.up_proj"), in(block, "mlp.down_proj"), null);
    return style;
  }

  /**
   * EXAONE 4 (arXiv 2507.11407): norms after the branches and over the heads of q and k; where
   * there are windows, only their blocks are rotated.
   */
  static LlamaStyle exaone4(ModelConfig config) {
    Windows windows = exaoneWindows(config);
    LlamaStyle style = new LlamaStyle(config, 0, LARGER_EPSILON);
    style.norms = LlamaStyle.AFTER;
    style.headNorms = true;
    style.window = windows::at;
    Rotary rotary = style.rotary(style.rope, RotaryFrequencies.FULL, true);
    style.rotary = block -> windows.at(block) > 0 || windows.size() == 0 ? rotary : null;
    return style;
  }

  /** The pattern is a number, or an L for each block with a window, of which the last has none. */
  private static Windows exaoneWindows(ModelConfig config) {
    boolean spelled =
        config.find(Windows.PATTERN).filter(pattern -> pattern.isTextual()).isPresent();
    String letters = spelled ? config.text(Windows.PATTERN, "") : "";
    int last = config.positive("num_hidden_layers") - 1;
    return letters.isEmpty()
        ? Windows.pattern(config, 4)
        : Windows.of(
            config,
            Windows.USUAL,
            block -> block != last && letters.charAt(block % letters.length()) == 'L');
  }

  /** Hunyuan's dense models: LLaMA with norms over the heads of q and k after their rotation. */
  static LlamaStyle hunyuan(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, 0, LARGER_EPSILON).withAttentionBias();
    style.headNorms = true;
    style.normsLast = true;
    style.queryNorm = "query_layernorm";
    style.keyNorm = "key_layernorm";
    return style;
  }

  /** Seed-OSS: LLaMA with biases of q, k and v. */
  static LlamaStyle seedOss(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, HEAD_SIZE, EPSILON);
    style.projectionBias = config.flag(ATTENTION_BIAS, true);
    style.outputBias = config.flag("attention_out_bias", false);
    style.mlpBias = config.flag("mlp_bias", false);
    return style;
  }

  /**
   * Apertus (arXiv 2509.14233): norms over the heads of q and k, and an MLP without a gate, whose
   * activation is learned.
   */
  static LlamaStyle apertus(ModelConfig given) {
    ModelConfig config = stretched(given, 8);
    LlamaStyle style = new LlamaStyle(config, 0, LARGER_EPSILON).withAttentionBias();
    style.mlpBias = config.flag("mlp_bias", false);
    style.rope = Defaults.of(12e6);
    style.headNorms = true;
    style.norms = new BlockNorms("attention_layernorm", null, "feedforward_layernorm", null);
    String activation = config.text("hidden_act", "xielu");
    boolean learned = activation.equals("xielu");
    style.activation = learned ? Activation.RELU_SQUARED : Activations.of(config, "hidden_act", "");
    style.mlp =
        block ->
            style.ungated(
                in(block, "mlp.up_proj"),
                in(block, "mlp.down_proj"),
                learned ? in(block, "mlp.act_fn.") : null);
    return style;
  }

  /** Ministral 3: Mistral whose queries grow with the logarithm of their position. */
  static LlamaStyle ministral3(ModelConfig config) {
    LlamaStyle style = new LlamaStyle(config, HEAD_SIZE, EPSILON);
    style.window = Windows.of(config, 0, block -> true)::at;
    double beta = RotaryFrequencies.setting(config, "llama_4_scaling_beta");
    if (beta != 0) {
      double trained = RotaryFrequencies.setting(config, "original_max_position_embeddings");
      Rotary factor =
          Rotary.scaling(
              style.heads.size(),
              position -> 1 + beta * Math.log1p(Math.floor(position / trained)));
      style.queryFactor = block -> factor;
    }
    return style;
  }
}
