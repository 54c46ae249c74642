package io.github.wandacuda.model;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.model.BlockDescription.AttentionDescription;
import io.github.wandacuda.model.BlockDescription.BranchNorms;
import io.github.wandacuda.model.BlockDescription.DenseMlp;
import io.github.wandacuda.model.BlockDescription.MlpDescription;
import io.github.wandacuda.model.BlockDescription.ProjectionDescription;
import io.github.wandacuda.model.BlockDescription.Scores;
import java.util.List;
import java.util.function.IntFunction;
import java.util.function.IntUnaryOperator;

/**
 * What LLaMA and the families derived from it share: {@code x += o(attention(rope(q(n)),
 * rope(k(n)), v(n)))} with {@code n = rmsNorm(x)}, then {@code x += down(activation(gate(m)) *
 * up(m))} with {@code m = rmsNorm(x)}, and the names of their tensors (Touvron et al., arXiv
 * 2302.13971, section 2.2). A family sets what differs.
 */
final class LlamaStyle {
  private static final int DEFAULT_MAXIMUM_LENGTH = 2048;

  final ModelConfig config;
  final int hidden;
  final Heads heads;

  /** Keys of the rotated share of a head; none where all of it is rotated. */
  List<String> rotaryPart = List.of();

  double defaultTheta = RotaryFrequencies.DEFAULT_THETA;

  /** Whether q, k and v have biases; likewise o, and the MLP's modules. */
  boolean projectionBias;

  boolean outputBias;
  boolean mlpBias;

  /** Whether there are norms over the heads of q and k. */
  boolean headNorms;

  /** Whether norms stand before and after each branch; else before them alone. */
  boolean normsAround;

  /** Whether there is one module for q, k and v, and one for gate and up. */
  boolean fused;

  /** The number that is added to a norm's stored gain. */
  float gainOffset;

  float embeddingScale = 1;

  /** The bound of the logits, or 0 for none. */
  float logitCap;

  Activation activation;

  /** How many of the last keys a block's tokens see, or 0 for all. */
  IntUnaryOperator window = block -> 0;

  /** A block's scores but for their window. */
  Scores scores;

  IntFunction<MlpDescription> mlp;

  private final float epsilon;

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
    scores = Scores.plain(heads);
    mlp = block -> gated(in(block, "mlp."), config.positive("intermediate_size"));
  }

  /** Reads whether attention has biases. */
  LlamaStyle withAttentionBias() {
    projectionBias = config.flag("attention_bias", false);
    outputBias = projectionBias;
    return this;
  }

  /** Returns a tensor's name inside of a block. */
  static String in(int block, String name) {
    return "layers." + block + "." + name;
  }

  /** Returns a gated MLP, whose modules' names begin with {@code name}. */
  MlpDescription gated(String name, int wide) {
    return gated(name + "gate_proj", name + "up_proj", name + "down_proj", wide);
  }

  /** Returns a gated MLP by its modules' names. */
  MlpDescription gated(String gate, String up, String down, int wide) {
    return new DenseMlp(
        List.of(
            LinearDescription.of(gate, wide, hidden, mlpBias),
            LinearDescription.of(up, wide, hidden, mlpBias)),
        true,
        activation,
        LinearDescription.of(down, hidden, wide, mlpBias));
  }

  DecoderDescription decoder() {
    DecoderShape shape =
        new DecoderShape(
            config.positive("num_hidden_layers"),
            hidden,
            config.positive("vocab_size"),
            RotaryFrequencies.positions(
                config, config.positive("max_position_embeddings", DEFAULT_MAXIMUM_LENGTH)));
    Rotary rotary =
        RotaryFrequencies.of(
            config, heads.size(), rotaryPart, 1, defaultTheta, List.of("rope_theta"));
    if (activation == null) {
      activation = Activations.of(config, "hidden_act", "silu");
    }
    return new DecoderDescription(
        shape,
        List.of("model.", ""),
        new EmbeddingDescription("embed_tokens.weight", hidden, null, embeddingScale, null, null),
        block -> block(block, rotary),
        new HeadDescription(norm("norm", hidden), null, "lm_head.weight", logitCap));
  }

  private NormDescription norm(String name, int size) {
    return new NormDescription(NormDescription.Kind.RMS, name, size, epsilon, true, gainOffset);
  }

  private BlockDescription block(int block, Rotary rotary) {
    String attention = in(block, "self_attn.");
    Scores own =
        new Scores(scores.scale(), scores.softcap(), window.applyAsInt(block), scores.keyBias());
    return new BlockDescription(
        new AttentionDescription(
            projection(attention),
            headNorms ? norm(attention + "q_norm", heads.size()) : null,
            headNorms ? norm(attention + "k_norm", heads.size()) : null,
            heads,
            rotary,
            own,
            LinearDescription.of(attention + "o_proj", hidden, heads.queryWidth(), outputBias)),
        norms(block, "input_layernorm", "post_attention_layernorm"),
        fused ? fusedMlp(block) : mlp.apply(block),
        normsAround
            ? norms(block, "pre_feedforward_layernorm", "post_feedforward_layernorm")
            : norms(block, "post_attention_layernorm", null),
        false);
  }

  private BranchNorms norms(int block, String before, String after) {
    NormDescription behind = normsAround ? norm(in(block, after), hidden) : null;
    return new BranchNorms(norm(in(block, before), hidden), behind, null, false);
  }

  private ProjectionDescription projection(String attention) {
    int queries = heads.queryWidth();
    int keys = heads.keyValueWidth();
    return fused
        ? ProjectionDescription.sideBySide(
            LinearDescription.of(
                attention + "qkv_proj", queries + 2 * keys, hidden, projectionBias),
            heads)
        : ProjectionDescription.separate(
            LinearDescription.of(attention + "q_proj", queries, hidden, projectionBias),
            LinearDescription.of(attention + "k_proj", keys, hidden, projectionBias),
            LinearDescription.of(attention + "v_proj", keys, hidden, projectionBias));
  }

  private MlpDescription fusedMlp(int block) {
    int wide = config.positive("intermediate_size");
    return new DenseMlp(
        List.of(LinearDescription.of(in(block, "mlp.gate_up_proj"), 2 * wide, hidden, mlpBias)),
        true,
        activation,
        LinearDescription.of(in(block, "mlp.down_proj"), hidden, wide, mlpBias));
  }
}
