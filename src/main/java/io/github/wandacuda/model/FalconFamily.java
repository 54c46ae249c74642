package io.github.wandacuda.model;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.model.AttentionDescription.Scores;
import io.github.wandacuda.model.BlockDescription.BranchNorms;
import java.util.List;

/**
 * Falcon (arXiv 2311.16867): one module for q, k and v, with shared keys and values; parallel
 * branches; rotary embeddings, or ALiBi in the oldest models.
 */
final class FalconFamily {
  private final ModelConfig config;
  private final int hidden;
  private final int wide;
  private final float epsilon;
  private final boolean bias;
  private final boolean grouped;
  private final boolean parallel;
  private final Heads heads;
  private final Rotary rotary;
  private final Scores scores;
  private final Activation activation;

  private FalconFamily(ModelConfig config) {
    this.config = config;
    hidden = config.positive(List.of("n_embed", "hidden_size"));
    wide = config.positive("ffn_hidden_size", 4 * hidden);
    epsilon = (float) config.number("layer_norm_epsilon", 1e-5);
    bias = config.flag("bias", false);
    grouped = config.flag("new_decoder_architecture", false);
    parallel = grouped || config.flag("parallel_attn", true);
    heads = heads();
    boolean alibi = config.flag("alibi", false);
    rotary =
        alibi ? null : RotaryFrequencies.of(config, heads.size(), RotaryFrequencies.DEFAULT_THETA);
    Scores plain = Scores.plain(heads);
    scores = alibi ? plain.biased(Alibi.brainTable(heads.queries(), plain.scale())) : plain;
    activation = Activations.of(config, "activation", "gelu");
  }

  /** Without groups, either all queries share one key and value head, or each has its own. */
  private Heads heads() {
    Heads all = HeadSizes.sharing(config, hidden, List.of("num_attention_heads", "n_head"));
    if (grouped) {
      return HeadSizes.grouped(config, all, List.of("num_kv_heads", "n_head_kv"));
    }
    int shared = config.flag("multi_query", true) ? 1 : all.queries();
    return new Heads(all.queries(), shared, all.size());
  }

  static DecoderDescription describe(ModelConfig config) {
    return new FalconFamily(config).decoder();
  }

  private DecoderDescription decoder() {
    DecoderShape shape =
        new DecoderShape(
            config.positive(List.of("num_hidden_layers", "n_layer")),
            hidden,
            config.positive("vocab_size"),
            positions());
    return new DecoderDescription(
        shape,
        List.of("transformer.", ""),
        EmbeddingDescription.of("word_embeddings.weight", hidden),
        this::block,
        HeadDescription.of(norm("ln_f"), "lm_head.weight"));
  }

  private int positions() {
    int positions = config.positive("max_position_embeddings", 2048);
    return rotary == null ? positions : RotaryFrequencies.positions(config, positions);
  }

  private BranchNorms norm(int block, String name) {
    return BranchNorms.before(norm("h." + block + "." + name));
  }

  private NormDescription norm(String name) {
    return NormDescription.layer(name, hidden, epsilon);
  }

  private BlockDescription block(int block) {
    boolean two = grouped && config.positive("num_ln_in_parallel_attn", 2) == 2;
    String before = two ? "ln_attn" : "input_layernorm";
    String between = two ? "ln_mlp" : parallel ? before : "post_attention_layernorm";
    String name = "h." + block + ".";
    int rows = heads.queryWidth() + 2 * heads.keyValueWidth();
    LinearDescription fused = linear(name + "self_attention.query_key_value", rows, hidden);
    return new BlockDescription(
        AttentionDescription.of(
            ProjectionDescription.Fused.byGroup(fused, heads),
            heads,
            rotary,
            scores,
            linear(name + "self_attention.dense", hidden, hidden)),
        norm(block, before),
        new MlpDescription.Plain(
            linear(name + "mlp.dense_h_to_4h", wide, hidden),
            activation,
            linear(name + "mlp.dense_4h_to_h", hidden, wide)),
        norm(block, between),
        parallel);
  }

  private LinearDescription linear(String name, int rows, int columns) {
    return LinearDescription.of(name, rows, columns, bias);
  }
}
