package io.github.wandacuda.model;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.model.AttentionDescription.Scores;
import io.github.wandacuda.model.BlockDescription.BranchNorms;
import java.util.List;

/**
 * OPT (Zhang et al., arXiv 2205.01068): learned positions, and LayerNorms before the branches or,
 * in the model of 350 million parameters, after the sums.
 */
final class OptFamily {
  /** Rows of the position table before that of position 0. */
  private static final int FIRST_POSITION = 2;

  /** Fixed; configs have no key for it. */
  private static final float EPSILON = 1e-5f;

  private final ModelConfig config;
  private final int hidden;
  private final int embedded;
  private final int wide;
  private final int positions;
  private final boolean bias;
  private final boolean affine;
  private final boolean normsFirst;
  private final Heads heads;
  private final Activation activation;

  private OptFamily(ModelConfig config) {
    this.config = config;
    hidden = config.positive("hidden_size");
    embedded = config.positive("word_embed_proj_dim", hidden);
    wide = config.positive("ffn_dim");
    positions = config.positive("max_position_embeddings", 2048);
    bias = config.flag("enable_bias", true);
    affine = config.flag("layer_norm_elementwise_affine", true);
    normsFirst = config.flag("do_layer_norm_before", true);
    heads = HeadSizes.sharing(config, hidden, List.of("num_attention_heads"));
    activation = Activations.of(config, "activation_function", "relu");
  }

  static DecoderDescription describe(ModelConfig config) {
    return new OptFamily(config).decoder();
  }

  private DecoderDescription decoder() {
    DecoderShape shape =
        new DecoderShape(
            config.positive("num_hidden_layers"), hidden, config.positive("vocab_size"), positions);
    return new DecoderDescription(
        shape, List.of("model.decoder.", "decoder.", ""), embedding(), this::block, head());
  }

  private EmbeddingDescription embedding() {
    return new EmbeddingDescription(
        "embed_tokens.weight",
        embedded,
        projection("project_in", hidden, embedded),
        1,
        new EmbeddingDescription.Positions("embed_positions.weight", FIRST_POSITION, positions),
        null);
  }

  /** Returns a projection to or from embeddings of another width, or null if there is none. */
  private LinearDescription projection(String name, int rows, int columns) {
    return rows == columns ? null : LinearDescription.of(name, rows, columns, false);
  }

  private HeadDescription head() {
    boolean normed = normsFirst && !config.flag("_remove_final_layer_norm", false);
    return new HeadDescription(
        normed ? norm("final_layer_norm") : null,
        projection("project_out", embedded, hidden),
        "lm_head.weight",
        0);
  }

  private NormDescription norm(String name) {
    return new NormDescription(NormDescription.Kind.LAYER, name, hidden, EPSILON, affine, 0);
  }

  private BranchNorms norms(String name) {
    return normsFirst ? BranchNorms.before(norm(name)) : BranchNorms.onSum(norm(name));
  }

  private BlockDescription block(int block) {
    String name = "layers." + block + ".";
    String attention = name + "self_attn.";
    return new BlockDescription(
        AttentionDescription.of(
            new ProjectionDescription.Separate(
                linear(attention + "q_proj", hidden, hidden),
                linear(attention + "k_proj", hidden, hidden),
                linear(attention + "v_proj", hidden, hidden)),
            heads,
            null,
            Scores.plain(heads),
            linear(attention + "out_proj", hidden, hidden)),
        norms(name + "self_attn_layer_norm"),
        new MlpDescription.Plain(
            linear(name + "fc1", wide, hidden), activation, linear(name + "fc2", hidden, wide)),
        norms(name + "final_layer_norm"),
        false);
  }

  private LinearDescription linear(String name, int rows, int columns) {
    return LinearDescription.of(name, rows, columns, bias);
  }
}
