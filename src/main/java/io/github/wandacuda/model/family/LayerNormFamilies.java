package io.github.wandacuda.model.family;

import io.github.wandacuda.DType;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.RotaryPairs;
import io.github.wandacuda.model.BlockDescription;
import io.github.wandacuda.model.BlockDescription.AttentionDescription;
import io.github.wandacuda.model.BlockDescription.BranchNorms;
import io.github.wandacuda.model.BlockDescription.DenseMlp;
import io.github.wandacuda.model.BlockDescription.ProjectionDescription;
import io.github.wandacuda.model.BlockDescription.Scores;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.DecoderShape;
import io.github.wandacuda.model.EmbeddingDescription;
import io.github.wandacuda.model.EmbeddingDescription.Positions;
import io.github.wandacuda.model.HeadDescription;
import io.github.wandacuda.model.Heads;
import io.github.wandacuda.model.LinearDescription;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.NormDescription;
import io.github.wandacuda.model.PositionTable;
import io.github.wandacuda.model.Rotary;
import java.util.List;
import java.util.function.DoubleUnaryOperator;
import java.util.function.Function;

/** The families with LayerNorms and an MLP without a gate. */
final class LayerNormFamilies {
  /** OPT's position table begins with so many rows before the one of position 0. */
  private static final int OPT_FIRST_POSITION = 2;

  /** The epsilon of OPT's norms, for which its configs have no key. */
  private static final float OPT_EPSILON = 1e-5f;

  private LayerNormFamilies() {}

  /** BLOOM (arXiv 2211.05100): ALiBi, a LayerNorm on the embeddings, one module for q, k and v. */
  static DecoderDescription bloom(ModelConfig config) {
    int hidden = config.positive(List.of("n_embed", "hidden_size"));
    Function<String, NormDescription> norms = norms(config, "layer_norm_epsilon", hidden);
    boolean normed = config.flag("apply_residual_connection_post_layernorm", false);
    Heads heads = Heads.sharing(config, hidden, List.of("n_head", "num_attention_heads"));
    Scores scores = Scores.plain(heads).biased(alibi(heads.queries()));
    return new DecoderDescription(
        DecoderShape.of(
            config, hidden, config.positive("seq_length", 2048), "n_layer", "num_hidden_layers"),
        List.of("transformer.", ""),
        new EmbeddingDescription(
            "word_embeddings.weight",
            hidden,
            null,
            1,
            null,
            norms.apply("word_embeddings_layernorm")),
        block -> {
          String name = "h." + block + ".";
          return new BlockDescription(
              fused(name + "self_attention.", hidden, true, heads, null, scores),
              new BranchNorms(norms.apply(name + "input_layernorm"), null, null, normed),
              dense(name, 4 * hidden, hidden, true, Activation.GELU_TANH),
              new BranchNorms(norms.apply(name + "post_attention_layernorm"), null, null, normed),
              false);
        },
        HeadDescription.of(norms.apply("ln_f"), "lm_head.weight"));
  }

  /**
   * Falcon (arXiv 2311.16867): one module for q, k and v, with shared keys and values; parallel
   * branches; rotary embeddings, or ALiBi in the oldest models.
   */
  static DecoderDescription falcon(ModelConfig config) {
    int hidden = config.positive(List.of("n_embed", "hidden_size"));
    int wide = config.positive("ffn_hidden_size", 4 * hidden);
    Function<String, NormDescription> norms = norms(config, "layer_norm_epsilon", hidden);
    boolean bias = config.flag("bias", false);
    boolean grouped = config.flag("new_decoder_architecture", false);
    boolean parallel = grouped || config.flag("parallel_attn", true);
    Heads heads = falconHeads(config, hidden, grouped);
    boolean alibi = config.flag("alibi", false);
    Rotary rotary =
        alibi
            ? null
            : RotaryFrequencies.of(
                config, RotaryPairs.halves(heads.size()), RotaryFrequencies.DEFAULTS);
    Scores plain = Scores.plain(heads);
    Scores scores = alibi ? plain.biased(brainAlibi(heads.queries(), plain.scale())) : plain;
    Activation activation = Activations.of(config, "activation", "gelu");
    int blocks = config.positive(List.of("num_hidden_layers", "n_layer"));
    int vocabulary = config.positive("vocab_size");
    int positions = config.positive("max_position_embeddings", 2048);
    return new DecoderDescription(
        new DecoderShape(
            blocks,
            hidden,
            vocabulary,
            rotary == null ? positions : RotaryFrequencies.positions(config, positions)),
        List.of("transformer.", ""),
        EmbeddingDescription.of("word_embeddings.weight", hidden),
        block -> {
          boolean two = grouped && config.positive("num_ln_in_parallel_attn", 2) == 2;
          String before = two ? "ln_attn" : "input_layernorm";
          String between = two ? "ln_mlp" : parallel ? before : "post_attention_layernorm";
          String name = "h." + block + ".";
          return new BlockDescription(
              fused(name + "self_attention.", hidden, bias, heads, rotary, scores),
              BranchNorms.before(norms.apply(name + before)),
              dense(name, wide, hidden, bias, activation),
              BranchNorms.before(norms.apply(name + between)),
              parallel);
        },
        HeadDescription.of(norms.apply("ln_f"), "lm_head.weight"));
  }

  /**
   * Reads Falcon's heads. Without groups, either all queries share one key and value head, or each
   * has its own.
   */
  private static Heads falconHeads(ModelConfig config, int hidden, boolean grouped) {
    Heads all = Heads.sharing(config, hidden, List.of("num_attention_heads", "n_head"));
    if (grouped) {
      return all.grouped(config, List.of("num_kv_heads", "n_head_kv"));
    }
    int shared = config.flag("multi_query", true) ? 1 : all.queries();
    return new Heads(all.queries(), shared, all.size());
  }

  /**
   * GPT-2 (Radford et al., 2019): learned positions, LayerNorms, and linear modules that are stored
   * as [in, out].
   */
  static DecoderDescription gpt2(ModelConfig config) {
    int hidden = config.positive(List.of("n_embd", "hidden_size"));
    int wide = config.positive("n_inner", 4 * hidden);
    int positions = config.positive(List.of("n_positions", "max_position_embeddings"));
    Function<String, NormDescription> norms = norms(config, "layer_norm_epsilon", hidden);
    Heads heads = Heads.sharing(config, hidden, List.of("n_head", "num_attention_heads"));
    Activation activation = Activations.of(config, "activation_function", "gelu_new");
    return new DecoderDescription(
        DecoderShape.of(config, hidden, positions, "n_layer", "num_hidden_layers"),
        List.of("transformer.", ""),
        new EmbeddingDescription(
            "wte.weight", hidden, null, 1, new Positions("wpe.weight", 0, positions), null),
        block -> {
          double scale = config.flag("scale_attn_weights", true) ? 1 / Math.sqrt(heads.size()) : 1;
          boolean byBlock = config.flag("scale_attn_by_inverse_layer_idx", false);
          float blockScale = (float) (byBlock ? scale / (block + 1) : scale);
          String name = "h." + block + ".";
          return new BlockDescription(
              AttentionDescription.of(
                  ProjectionDescription.sideBySide(
                      LinearDescription.conv1d(name + "attn.c_attn", 3 * hidden, hidden), heads),
                  heads,
                  Scores.scaled(blockScale),
                  LinearDescription.conv1d(name + "attn.c_proj", hidden, hidden)),
              BranchNorms.before(norms.apply(name + "ln_1")),
              mlp(
                  LinearDescription.conv1d(name + "mlp.c_fc", wide, hidden),
                  activation,
                  name + "mlp.c_proj"),
              BranchNorms.before(norms.apply(name + "ln_2")),
              false);
        },
        HeadDescription.of(norms.apply("ln_f"), "lm_head.weight"));
  }

  /**
   * GPT-NeoX and Pythia (Black et al., arXiv 2204.06745): rotary embeddings of a part of each head,
   * one module for q, k and v, and parallel branches.
   */
  static DecoderDescription gptNeox(ModelConfig config) {
    int hidden = config.positive("hidden_size");
    int wide = config.positive("intermediate_size");
    Function<String, NormDescription> norms = norms(config, "layer_norm_eps", hidden);
    boolean bias = config.flag("attention_bias", true);
    boolean parallel = config.flag("use_parallel_residual", true);
    Heads heads = Heads.sharing(config, hidden, List.of("num_attention_heads"));
    Rotary rotary =
        RotaryFrequencies.of(
            config,
            RotaryPairs.halves(heads.size()),
            new RotaryFrequencies.Defaults(
                List.of("rotary_pct", "partial_rotary_factor"),
                0.25,
                List.of("rope_theta", "rotary_emb_base"),
                RotaryFrequencies.DEFAULT_THETA));
    Activation activation = Activations.of(config, "hidden_act", "gelu");
    return new DecoderDescription(
        DecoderShape.of(
            config,
            hidden,
            RotaryFrequencies.positions(config, config.positive("max_position_embeddings", 2048)),
            "num_hidden_layers"),
        List.of("gpt_neox.", ""),
        EmbeddingDescription.of("embed_in.weight", hidden),
        block -> {
          String name = "layers." + block + ".";
          return new BlockDescription(
              fused(name + "attention.", hidden, bias, heads, rotary, Scores.plain(heads)),
              BranchNorms.before(norms.apply(name + "input_layernorm")),
              dense(name, wide, hidden, true, activation),
              BranchNorms.before(norms.apply(name + "post_attention_layernorm")),
              parallel);
        },
        HeadDescription.of(norms.apply("final_layer_norm"), "embed_out.weight"));
  }

  /**
   * OPT (Zhang et al., arXiv 2205.01068): learned positions, and LayerNorms before the branches or,
   * in the model of 350 million parameters, after the sums.
   */
  static DecoderDescription opt(ModelConfig config) {
    int hidden = config.positive("hidden_size");
    int embedded = config.positive("word_embed_proj_dim", hidden);
    int wide = config.positive("ffn_dim");
    int positions = config.positive("max_position_embeddings", 2048);
    boolean bias = config.flag("enable_bias", true);
    boolean affine = config.flag("layer_norm_elementwise_affine", true);
    boolean normsFirst = config.flag("do_layer_norm_before", true);
    Heads heads = Heads.sharing(config, hidden, List.of("num_attention_heads"));
    Activation activation = Activations.of(config, "activation_function", "relu");
    Function<String, NormDescription> norm =
        name ->
            new NormDescription(NormDescription.Kind.LAYER, name, hidden, OPT_EPSILON, affine, 0);
    Function<String, BranchNorms> norms =
        name ->
            normsFirst
                ? BranchNorms.before(norm.apply(name))
                : new BranchNorms(null, null, norm.apply(name), false);
    Function<String, LinearDescription> square =
        name -> LinearDescription.of(name, hidden, hidden, bias);
    DecoderShape shape = DecoderShape.of(config, hidden, positions, "num_hidden_layers");
    boolean normed = normsFirst && !config.flag("_remove_final_layer_norm", false);
    return new DecoderDescription(
        shape,
        List.of("model.decoder.", "decoder.", ""),
        new EmbeddingDescription(
            "embed_tokens.weight",
            embedded,
            projection("project_in", hidden, embedded),
            1,
            new Positions("embed_positions.weight", OPT_FIRST_POSITION, positions),
            null),
        block -> {
          String name = "layers." + block + ".";
          return new BlockDescription(
              AttentionDescription.of(
                  new ProjectionDescription(
                      List.of(
                          square.apply(name + "self_attn.q_proj"),
                          square.apply(name + "self_attn.k_proj"),
                          square.apply(name + "self_attn.v_proj")),
                      List.of(),
                      false),
                  heads,
                  Scores.plain(heads),
                  square.apply(name + "self_attn.out_proj")),
              norms.apply(name + "self_attn_layer_norm"),
              mlp(LinearDescription.of(name + "fc1", wide, hidden, bias), activation, name + "fc2"),
              norms.apply(name + "final_layer_norm"),
              false);
        },
        new HeadDescription(
            normed ? norm.apply("final_layer_norm") : null,
            projection("project_out", embedded, hidden),
            "lm_head.weight",
            null,
            1,
            0));
  }

  /** Returns a projection to or from embeddings of another width, or null if there is none. */
  private static LinearDescription projection(String name, int rows, int columns) {
    return rows == columns ? null : LinearDescription.of(name, rows, columns, false);
  }

  /**
   * Returns a function that describes a LayerNorm of the hidden states by its name.
   *
   * @param epsilonKey the config's key of the epsilon
   */
  private static Function<String, NormDescription> norms(
      ModelConfig config, String epsilonKey, int hidden) {
    float epsilon = (float) config.number(epsilonKey, 1e-5);
    return name -> new NormDescription(NormDescription.Kind.LAYER, name, hidden, epsilon, true, 0);
  }

  /**
   * Describes attention with one module for q, k and v, whose outputs are ordered group by group.
   */
  private static AttentionDescription fused(
      String name, int hidden, boolean bias, Heads heads, Rotary rotary, Scores scores) {
    int rows = heads.queryWidth() + 2 * heads.keyValueWidth();
    LinearDescription all = LinearDescription.of(name + "query_key_value", rows, hidden, bias);
    LinearDescription output = LinearDescription.of(name + "dense", hidden, hidden, bias);
    return AttentionDescription.of(ProjectionDescription.byGroup(all, heads), heads, scores, output)
        .placed(rotary, null);
  }

  /**
   * Describes the MLP of the families with such attention.
   *
   * @param block the block's name
   * @param wide features between the two modules
   */
  private static DenseMlp dense(
      String block, int wide, int hidden, boolean bias, Activation activation) {
    LinearDescription up = LinearDescription.of(block + "mlp.dense_h_to_4h", wide, hidden, bias);
    return mlp(up, activation, block + "mlp.dense_4h_to_h");
  }

  /** Describes an MLP whose second module has the shape of the first one transposed. */
  private static DenseMlp mlp(LinearDescription up, Activation activation, String down) {
    return new DenseMlp(
        List.of(up),
        false,
        activation,
        new LinearDescription(down, up.columns(), up.rows(), up.bias(), up.transposed()));
  }

  /**
   * Returns the slopes of ALiBi (Press et al., arXiv 2108.12409), in float32: a head's slope times
   * a key's position is added to its scores. If the number of heads is a power of two, the slopes
   * are the paper's. Else the first heads, as many as the next lower power of two, get the slopes
   * of that number, and the others get every second slope of twice that number.
   *
   * @return one for each head
   */
  private static float[] slopes(int heads) {
    int most = Integer.highestOneBit(heads);
    float[] slopes = new float[heads];
    for (int head = 0; head < heads; head++) {
      slopes[head] = head < most ? power(most, head + 1) : power(2 * most, 2 * (head - most) + 1);
    }
    return slopes;
  }

  private static float power(int heads, int exponent) {
    return (float) Math.pow((float) Math.pow(2, -8.0 / heads), exponent);
  }

  /** Returns the biases as BLOOM computes them: a head's slope times the key's position. */
  private static PositionTable alibi(int heads) {
    return alibi(heads, DoubleUnaryOperator.identity(), 1);
  }

  /**
   * Returns the biases as Falcon computes them: slopes, positions and their products are rounded to
   * bfloat16 and added before the scores are scaled.
   */
  private static PositionTable brainAlibi(int heads, float scale) {
    return alibi(heads, value -> DType.BF16.rounded((float) value), scale);
  }

  private static PositionTable alibi(int heads, DoubleUnaryOperator round, float scale) {
    return (positions, length) -> {
      float[] slopes = slopes(heads);
      float[] table = new float[Math.multiplyExact(slopes.length, length)];
      for (int at = 0; at < table.length; at++) {
        double slope = round.applyAsDouble(slopes[at / length]);
        double position = round.applyAsDouble(at % length);
        table[at] = (float) round.applyAsDouble((float) (slope * position)) * scale;
      }
      return new PositionTable.Values(table, slopes.length, length);
    };
  }
}
