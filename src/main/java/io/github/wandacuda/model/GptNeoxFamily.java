package io.github.wandacuda.model;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.model.AttentionDescription.Scores;
import io.github.wandacuda.model.BlockDescription.BranchNorms;
import java.util.List;

/**
 * GPT-NeoX and Pythia (Black et al., arXiv 2204.06745): rotary embeddings of a part of each head,
 * one module for q, k and v, and parallel branches.
 */
final class GptNeoxFamily {
  private final ModelConfig config;
  private final int hidden;
  private final int wide;
  private final float epsilon;
  private final boolean bias;
  private final boolean parallel;
  private final Heads heads;
  private final Rotary rotary;
  private final Activation activation;

  private GptNeoxFamily(ModelConfig config) {
    this.config = config;
    hidden = config.positive("hidden_size");
    wide = config.positive("intermediate_size");
    epsilon = (float) config.number("layer_norm_eps", 1e-5);
    bias = config.flag("attention_bias", true);
    parallel = config.flag("use_parallel_residual", true);
    heads = HeadSizes.sharing(config, hidden, List.of("num_attention_heads"));
    rotary =
        RotaryFrequencies.partial(
            config,
            heads.size(),
            List.of("rotary_pct", "partial_rotary_factor"),
            0.25,
            RotaryFrequencies.DEFAULT_THETA,
            List.of("rope_theta", "rotary_emb_base"));
    activation = Activations.of(config, "hidden_act", "gelu");
  }

  static DecoderDescription describe(ModelConfig config) {
    return new GptNeoxFamily(config).decoder();
  }

  private DecoderDescription decoder() {
    DecoderShape shape =
        new DecoderShape(
            config.positive("num_hidden_layers"),
            hidden,
            config.positive("vocab_size"),
            positions());
    return new DecoderDescription(
        shape,
        List.of("gpt_neox.", ""),
        EmbeddingDescription.of("embed_in.weight", hidden),
        this::block,
        HeadDescription.of(norm("final_layer_norm"), "embed_out.weight"));
  }

  private int positions() {
    return RotaryFrequencies.positions(config, config.positive("max_position_embeddings", 2048));
  }

  private NormDescription norm(String name) {
    return NormDescription.layer(name, hidden, epsilon);
  }

  private BlockDescription block(int block) {
    String name = "layers." + block + ".";
    LinearDescription fused =
        LinearDescription.of(name + "attention.query_key_value", 3 * hidden, hidden, bias);
    return new BlockDescription(
        AttentionDescription.of(
            ProjectionDescription.Fused.byGroup(fused, heads),
            heads,
            rotary,
            Scores.plain(heads),
            LinearDescription.of(name + "attention.dense", hidden, hidden, bias)),
        BranchNorms.before(norm(name + "input_layernorm")),
        new MlpDescription.Plain(
            LinearDescription.of(name + "mlp.dense_h_to_4h", wide, hidden, true),
            activation,
            LinearDescription.of(name + "mlp.dense_4h_to_h", hidden, wide, true)),
        BranchNorms.before(norm(name + "post_attention_layernorm")),
        parallel);
  }
}
