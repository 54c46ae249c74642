package io.github.wandacuda.model;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.model.AttentionDescription.Scores;
import io.github.wandacuda.model.BlockDescription.BranchNorms;
import java.util.List;

/** BLOOM (arXiv 2211.05100): ALiBi, a LayerNorm on the embeddings, one module for q, k and v. */
final class BloomFamily {
  private final ModelConfig config;
  private final int hidden;
  private final float epsilon;
  private final boolean normedResidual;
  private final Heads heads;
  private final PositionTable alibi;

  private BloomFamily(ModelConfig config) {
    this.config = config;
    hidden = config.positive(List.of("n_embed", "hidden_size"));
    epsilon = (float) config.number("layer_norm_epsilon", 1e-5);
    normedResidual = config.flag("apply_residual_connection_post_layernorm", false);
    heads = HeadSizes.sharing(config, hidden, List.of("n_head", "num_attention_heads"));
    alibi = Alibi.table(heads.queries());
  }

  static DecoderDescription describe(ModelConfig config) {
    return new BloomFamily(config).decoder();
  }

  private DecoderDescription decoder() {
    DecoderShape shape =
        new DecoderShape(
            config.positive(List.of("n_layer", "num_hidden_layers")),
            hidden,
            config.positive("vocab_size"),
            config.positive("seq_length", 2048));
    return new DecoderDescription(
        shape,
        List.of("transformer.", ""),
        new EmbeddingDescription(
            "word_embeddings.weight", hidden, null, 1, null, norm("word_embeddings_layernorm")),
        this::block,
        HeadDescription.of(norm("ln_f"), "lm_head.weight"));
  }

  private NormDescription norm(String name) {
    return NormDescription.layer(name, hidden, epsilon);
  }

  private BranchNorms norms(String name) {
    return new BranchNorms(norm(name), null, null, normedResidual);
  }

  private BlockDescription block(int block) {
    String name = "h." + block + ".";
    LinearDescription fused = linear(name + "self_attention.query_key_value", 3 * hidden, hidden);
    return new BlockDescription(
        AttentionDescription.of(
            ProjectionDescription.Fused.byGroup(fused, heads),
            heads,
            null,
            Scores.plain(heads).biased(alibi),
            linear(name + "self_attention.dense", hidden, hidden)),
        norms(name + "input_layernorm"),
        new MlpDescription.Plain(
            linear(name + "mlp.dense_h_to_4h", 4 * hidden, hidden),
            Activation.GELU_TANH,
            linear(name + "mlp.dense_4h_to_h", hidden, 4 * hidden)),
        norms(name + "post_attention_layernorm"),
        false);
  }

  private static LinearDescription linear(String name, int rows, int columns) {
    return LinearDescription.of(name, rows, columns, true);
  }
}
