package io.github.wandacuda.model;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.model.AttentionDescription.Scores;
import io.github.wandacuda.model.BlockDescription.BranchNorms;
import java.util.List;

/**
 * GPT-2 (Radford et al., 2019): learned positions, LayerNorms, and linear modules that are stored
 * as [in, out].
 */
final class Gpt2Family {
  private final ModelConfig config;
  private final int hidden;
  private final int wide;
  private final int positions;
  private final float epsilon;
  private final Heads heads;
  private final Activation activation;

  private Gpt2Family(ModelConfig config) {
    this.config = config;
    hidden = config.positive(List.of("n_embd", "hidden_size"));
    wide = config.positive("n_inner", 4 * hidden);
    positions = config.positive(List.of("n_positions", "max_position_embeddings"));
    epsilon = (float) config.number("layer_norm_epsilon", 1e-5);
    heads = HeadSizes.sharing(config, hidden, List.of("n_head", "num_attention_heads"));
    activation = Activations.of(config, "activation_function", "gelu_new");
  }

  static DecoderDescription describe(ModelConfig config) {
    return new Gpt2Family(config).decoder();
  }

  private DecoderDescription decoder() {
    DecoderShape shape =
        new DecoderShape(
            config.positive(List.of("n_layer", "num_hidden_layers")),
            hidden,
            config.positive("vocab_size"),
            positions);
    return new DecoderDescription(
        shape,
        List.of("transformer.", ""),
        new EmbeddingDescription(
            "wte.weight",
            hidden,
            null,
            1,
            new EmbeddingDescription.Positions("wpe.weight", 0, positions),
            null),
        this::block,
        HeadDescription.of(norm("ln_f"), "lm_head.weight"));
  }

  private NormDescription norm(String name) {
    return NormDescription.layer(name, hidden, epsilon);
  }

  private BlockDescription block(int block) {
    String name = "h." + block + ".";
    LinearDescription fused = LinearDescription.conv1d(name + "attn.c_attn", 3 * hidden, hidden);
    return new BlockDescription(
        AttentionDescription.of(
            ProjectionDescription.Fused.sideBySide(fused, heads),
            heads,
            null,
            new Scores(scale(block), 0, 0, null),
            LinearDescription.conv1d(name + "attn.c_proj", hidden, hidden)),
        BranchNorms.before(norm(name + "ln_1")),
        new MlpDescription.Plain(
            LinearDescription.conv1d(name + "mlp.c_fc", wide, hidden),
            activation,
            LinearDescription.conv1d(name + "mlp.c_proj", hidden, wide)),
        BranchNorms.before(norm(name + "ln_2")),
        false);
  }

  private float scale(int block) {
    double scale = config.flag("scale_attn_weights", true) ? 1 / Math.sqrt(heads.size()) : 1;
    boolean byBlock = config.flag("scale_attn_by_inverse_layer_idx", false);
    return (float) (byBlock ? scale / (block + 1) : scale);
  }
}
