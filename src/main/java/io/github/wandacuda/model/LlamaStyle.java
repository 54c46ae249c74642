package io.github.wandacuda.model;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.model.AttentionDescription.Scores;
import io.github.wandacuda.model.BlockDescription.BranchNorms;
import java.util.List;

/**
 * What LLaMA and the families derived from it share: {@code x += o(attention(rope(q(n)),
 * rope(k(n)), v(n)))} with {@code n = rmsNorm(x)}, then {@code x += down(activation(gate(m)) *
 * up(m))} with {@code m = rmsNorm(x)}, and the names of their tensors (Touvron et al., arXiv
 * 2302.13971, section 2.2). A family overrides what differs.
 */
class LlamaStyle {
  private static final int DEFAULT_MAXIMUM_LENGTH = 2048;

  final ModelConfig config;
  final int hidden;
  final float epsilon;

  private final Heads heads;

  LlamaStyle(ModelConfig config) {
    this(config, 0, 1e-6);
  }

  /**
   * Reads what the configs of all these families have.
   *
   * @param defaultHeadSize features of a head if the config doesn't say; 0 for hidden size / heads
   * @param defaultEpsilon the norms' epsilon if the config has none
   */
  LlamaStyle(ModelConfig config, int defaultHeadSize, double defaultEpsilon) {
    this.config = config;
    hidden = config.positive("hidden_size");
    epsilon = (float) config.number("rms_norm_eps", defaultEpsilon);
    heads = HeadSizes.of(config, hidden, defaultHeadSize);
  }

  Rotary rotary() {
    return RotaryFrequencies.of(config, heads.size(), RotaryFrequencies.DEFAULT_THETA);
  }

  final Heads heads() {
    return heads;
  }

  /** Returns a tensor's name inside of a block. */
  static String in(int block, String name) {
    return "layers." + block + "." + name;
  }

  /** Returns whether q, k and v have biases. */
  boolean projectionBias() {
    return config.flag("attention_bias", false);
  }

  /** Returns whether o has a bias. */
  boolean outputBias() {
    return projectionBias();
  }

  /** Returns whether the MLP's modules have biases. */
  boolean mlpBias() {
    return false;
  }

  Activation activation() {
    return Activations.of(config, "hidden_act", "silu");
  }

  /** Returns the number that is added to a norm's stored gain. */
  float gainOffset() {
    return 0;
  }

  /** Returns how many of the last keys a block's tokens see, or 0 for all. */
  int window(int block) {
    return 0;
  }

  Scores scores(int block) {
    return Scores.plain(heads).within(window(block));
  }

  /** Returns the norm over each head of {@code q} or {@code k}, or null. */
  NormDescription headNorm(int block, String which) {
    return null;
  }

  ProjectionDescription projection(int block) {
    boolean bias = projectionBias();
    return new ProjectionDescription.Separate(
        linear(block, "self_attn.q_proj", heads.queryWidth(), hidden, bias),
        linear(block, "self_attn.k_proj", heads.keyValueWidth(), hidden, bias),
        linear(block, "self_attn.v_proj", heads.keyValueWidth(), hidden, bias));
  }

  MlpDescription mlp(int block) {
    return gated(in(block, "mlp."), config.positive("intermediate_size"));
  }

  /** Returns a gated MLP, whose modules' names begin with {@code name}. */
  final MlpDescription gated(String name, int wide) {
    return new MlpDescription.Gated(
        LinearDescription.of(name + "gate_proj", wide, hidden, mlpBias()),
        LinearDescription.of(name + "up_proj", wide, hidden, mlpBias()),
        activation(),
        LinearDescription.of(name + "down_proj", hidden, wide, mlpBias()));
  }

  BranchNorms attentionNorms(int block) {
    return BranchNorms.before(norm(in(block, "input_layernorm"), hidden));
  }

  BranchNorms mlpNorms(int block) {
    return BranchNorms.before(norm(in(block, "post_attention_layernorm"), hidden));
  }

  EmbeddingDescription embedding() {
    return EmbeddingDescription.of("embed_tokens.weight", hidden);
  }

  HeadDescription head() {
    return HeadDescription.of(norm("norm", hidden), "lm_head.weight");
  }

  final NormDescription norm(String name, int size) {
    return NormDescription.rms(name, size, epsilon, gainOffset());
  }

  static LinearDescription linear(int block, String name, int rows, int columns, boolean bias) {
    return LinearDescription.of(in(block, name), rows, columns, bias);
  }

  final DecoderDescription decoder() {
    DecoderShape shape =
        new DecoderShape(
            config.positive("num_hidden_layers"),
            hidden,
            config.positive("vocab_size"),
            positions());
    Rotary rotary = rotary();
    return new DecoderDescription(
        shape, List.of("model.", ""), embedding(), block -> block(block, rotary), head());
  }

  private int positions() {
    return RotaryFrequencies.positions(
        config, config.positive("max_position_embeddings", DEFAULT_MAXIMUM_LENGTH));
  }

  private BlockDescription block(int block, Rotary rotary) {
    AttentionDescription attention =
        new AttentionDescription(
            projection(block),
            headNorm(block, "q"),
            headNorm(block, "k"),
            heads,
            rotary,
            scores(block),
            linear(block, "self_attn.o_proj", hidden, heads.queryWidth(), outputBias()));
    return new BlockDescription(
        attention, attentionNorms(block), mlp(block), mlpNorms(block), false);
  }
}
