package io.github.wandacuda.model.family;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.RotaryPairs;
import io.github.wandacuda.model.BlockDescription;
import io.github.wandacuda.model.BlockDescription.AttentionDescription;
import io.github.wandacuda.model.BlockDescription.BranchNorms;
import io.github.wandacuda.model.BlockDescription.DenseMlp;
import io.github.wandacuda.model.BlockDescription.MixerDescription;
import io.github.wandacuda.model.BlockDescription.MlpDescription;
import io.github.wandacuda.model.BlockDescription.ProjectionDescription;
import io.github.wandacuda.model.BlockDescription.Scores;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.DecoderShape;
import io.github.wandacuda.model.EmbeddingDescription;
import io.github.wandacuda.model.HeadDescription;
import io.github.wandacuda.model.Heads;
import io.github.wandacuda.model.LinearDescription;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.NormDescription;
import io.github.wandacuda.model.NormDescription.Kind;
import io.github.wandacuda.model.Rotary;
import java.util.List;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import java.util.function.IntUnaryOperator;

/**
 * What LLaMA and the families derived from it share: {@code x += o(attention(rope(q(n)),
 * rope(k(n)), v(n)))} with {@code n = rmsNorm(x)}, then {@code x += down(activation(gate(m)) *
 * up(m))} with {@code m = rmsNorm(x)}, and the names of their tensors (Touvron et al., arXiv
 * 2302.13971, section 2.2). A family sets what differs.
 */
public final class LlamaStyle {
  /** LLaMA's norms, one before each branch. */
  static final BlockNorms BEFORE =
      new BlockNorms("input_layernorm", null, "post_attention_layernorm", null);

  /** Gemma's, one before and one after each branch. */
  static final BlockNorms AROUND =
      new BlockNorms(
          "input_layernorm",
          "post_attention_layernorm",
          "pre_feedforward_layernorm",
          "post_feedforward_layernorm");

  /** OLMo's, one after each branch. */
  static final BlockNorms AFTER =
      new BlockNorms(null, "post_attention_layernorm", null, "post_feedforward_layernorm");

  /** One for both branches, which are parallel. */
  static final BlockNorms SHARED = new BlockNorms("input_layernorm", null, "input_layernorm", null);

  /**
   * The prefixes of a decoder's tensors: in a language model, in a bare one, and in models that
   * read pictures or sound as well.
   */
  private static final List<String> PREFIXES =
      List.of("model.", "", "model.language_model.", "language_model.model.", "language_model.");

  final ModelConfig config;
  final int hidden;
  final Heads heads;

  RotaryFrequencies.Defaults rope = RotaryFrequencies.DEFAULTS;

  /** Whether the features that are rotated as a pair are neighbours. */
  boolean interleaved;

  /** A block's rotary embedding, null for none; the config's in all blocks if this isn't set. */
  IntFunction<Rotary> rotary;

  /** The factors by which a block's queries grow with their position, or null. */
  IntFunction<Rotary> queryFactor = block -> null;

  /** Whether q, k and v have biases; likewise o, and the MLP's modules. */
  boolean projectionBias;

  boolean outputBias;
  boolean mlpBias;

  /** The kind of all norms but those of q and k, and whether they have gains. */
  Kind normKind = Kind.RMS;

  boolean affine = true;

  /** Names of a block's norms. */
  BlockNorms norms = BEFORE;

  /** Whether there are norms of q and k. */
  boolean headNorms;

  Kind headNormKind = Kind.RMS;

  /** The blocks that have norms of q and k. */
  IntPredicate headNormed = block -> true;

  /** Whether norms of q and k have gains. */
  boolean headGains = true;

  /** Whether norms of q and k are over all heads together; else over each head. */
  boolean wholeNorms;

  /** Whether each head has a gain of its own in these norms. */
  boolean ownGains;

  /** Whether norms of q and k come after the rotation. */
  boolean normsLast;

  /** The bound of the magnitudes of q, k and v, or 0 for none. */
  float bound;

  String queryNorm = "q_norm";
  String keyNorm = "k_norm";

  /** Whether both branches read the block's input. */
  boolean parallel;

  /** The factor of both branches' outputs. */
  float residualFactor = 1;

  /** Whether there is one module for q, k and v; likewise for gate and up. */
  boolean fusedAttention;

  boolean fusedMlp;

  /** The number that is added to a norm's stored gain. */
  float gainOffset;

  float embeddingScale = 1;

  /** The name of the heads' sinks within attention, or null for none. */
  String sinks;

  /** Whether the output matrix has a bias. */
  boolean headBias;

  /** The factor of the logits. */
  float logitScale = 1;

  /** The bound of the logits, or 0 for none. */
  float logitCap;

  Activation activation;

  /** How many of the last keys a block's tokens see, or 0 for all. */
  IntUnaryOperator window = block -> 0;

  /** The tokens of a block's chunks, outside of which a token sees no key, or 0 for no chunks. */
  public IntUnaryOperator chunk = block -> 0;

  /** A block's scores, without their window. */
  Scores scores;

  IntFunction<MlpDescription> mlp;

  /** The mixer of a block's tokens, by default attention by heads. */
  IntFunction<MixerDescription> mixer = this::attention;

  /** Whether attention's result is gated, by outputs of the queries' module behind each head. */
  boolean gated;

  final float epsilon;

  /** The names of a block's norms within the block; null for a norm that isn't there. */
  record BlockNorms(
      String beforeAttention, String afterAttention, String beforeMlp, String afterMlp) {}

  /**
   * Reads what the configs of all these families have.
   *
   * @param config of the model
   * @param defaultHeadSize features of a head if the config doesn't say; 0 for hidden size / heads
   * @param defaultEpsilon the norms' epsilon if the config has none
   * @throws io.github.wandacuda.error.InputException if a key is missing or has a wrong value
   */
  public LlamaStyle(ModelConfig config, int defaultHeadSize, double defaultEpsilon) {
    this(config, defaultHeadSize, "rms_norm_eps", defaultEpsilon);
  }

  public LlamaStyle(
      ModelConfig config, int defaultHeadSize, String epsilonKey, double defaultEpsilon) {
    this.config = config;
    hidden = config.positive("hidden_size");
    epsilon = (float) config.number(epsilonKey, defaultEpsilon);
    heads = Heads.of(config, hidden, defaultHeadSize);
    scores = Scores.plain(heads);
    mlp = block -> gated(in(block, "mlp."), config.positive("intermediate_size"));
  }

  /**
   * Reads {@code attention_bias}: whether q, k, v and o have biases.
   *
   * @return this
   */
  LlamaStyle withAttentionBias() {
    projectionBias = config.flag("attention_bias", false);
    outputBias = projectionBias;
    return this;
  }

  /**
   * Returns the name of a tensor within a block.
   *
   * @param block the block's number
   * @param name the name behind the block's
   */
  static String in(int block, String name) {
    return "layers." + block + "." + name;
  }

  /**
   * Describes a gated MLP with LLaMA's names.
   *
   * @param name the MLP's name
   * @param wide features between gate and down
   */
  MlpDescription gated(String name, int wide) {
    return gated(name + "gate_proj", name + "up_proj", name + "down_proj", wide);
  }

  /**
   * Describes a gated MLP by its modules' names.
   *
   * @param wide features between gate and down
   */
  MlpDescription gated(String gate, String up, String down, int wide) {
    return new DenseMlp(
        List.of(
            LinearDescription.of(gate, wide, hidden, mlpBias),
            LinearDescription.of(up, wide, hidden, mlpBias)),
        true,
        activation,
        LinearDescription.of(down, hidden, wide, mlpBias));
  }

  /**
   * Describes a gated MLP with one module for gate and up.
   *
   * @param both the name of that module
   * @param down the name of the last module
   * @param wide features between them
   * @param bias whether the modules have biases
   */
  MlpDescription fused(String both, String down, int wide, boolean bias) {
    return new DenseMlp(
        List.of(LinearDescription.of(both, 2 * wide, hidden, bias)),
        true,
        activation,
        LinearDescription.of(down, hidden, wide, bias));
  }

  /**
   * Describes an MLP without a gate.
   *
   * @param up the name of its first module
   * @param down the name of its second module
   * @param learned the name of a learned activation's parameters, see {@link DenseMlp}; or null
   */
  MlpDescription ungated(String up, String down, String learned) {
    int wide = config.positive("intermediate_size");
    return new DenseMlp(
        List.of(LinearDescription.of(up, wide, hidden, mlpBias)),
        false,
        false,
        activation,
        learned,
        LinearDescription.of(down, hidden, wide, mlpBias));
  }

  /**
   * Reads the rotary embedding of one type of layers.
   *
   * @param defaults of the family
   * @param layers the type of layers
   * @param scaled whether a scaling that isn't for one type of layers applies to these
   */
  Rotary rotary(RotaryFrequencies.Defaults defaults, String layers, boolean scaled) {
    return RotaryFrequencies.of(
        config, new RotaryPairs(heads.size(), 0, interleaved), defaults, layers, scaled);
  }

  /** Describes the decoder with all that the family has set. */
  public DecoderDescription decoder() {
    DecoderShape shape =
        DecoderShape.of(
            config,
            hidden,
            RotaryFrequencies.positions(
                config,
                config.positive("max_position_embeddings", RotaryFrequencies.DEFAULT_POSITIONS)),
            "num_hidden_layers");
    if (rotary == null) {
      Rotary all = rotary(rope, RotaryFrequencies.FULL, true);
      rotary = block -> all;
    }
    if (activation == null) {
      activation = Activations.of(config, "hidden_act", "silu");
    }
    return new DecoderDescription(
        shape,
        PREFIXES,
        new EmbeddingDescription("embed_tokens.weight", hidden, null, embeddingScale, null, null),
        this::block,
        new HeadDescription(
            norm(normKind, "norm", hidden),
            null,
            "lm_head.weight",
            headBias ? "lm_head.bias" : null,
            logitScale,
            logitCap));
  }

  private NormDescription norm(Kind kind, String name, int size) {
    return new NormDescription(kind, name, size, epsilon, affine, gainOffset);
  }

  MixerDescription attention(int block) {
    String attention = in(block, "self_attn.");
    boolean normed = headNorms && headNormed.test(block);
    return AttentionDescription.of(
            projection(attention),
            heads,
            scores
                .seeing(window.applyAsInt(block), chunk.applyAsInt(block))
                .sunk(sinks == null ? null : attention + sinks),
            LinearDescription.of(attention + "o_proj", hidden, heads.queryWidth(), outputBias))
        .normed(
            normed ? headNorm(attention + queryNorm, heads.queries()) : null,
            normed ? headNorm(attention + keyNorm, heads.keyValueHeads()) : null,
            normsLast)
        .bounded(bound)
        .placed(rotary.apply(block), queryFactor.apply(block));
  }

  private BlockDescription block(int block) {
    return new BlockDescription(
        mixer.apply(block),
        norms(block, norms.beforeAttention(), norms.afterAttention()),
        fusedMlp
            ? fused(
                in(block, "mlp.gate_up_proj"),
                in(block, "mlp.down_proj"),
                config.positive("intermediate_size"),
                mlpBias)
            : mlp.apply(block),
        norms(block, norms.beforeMlp(), norms.afterMlp()),
        parallel);
  }

  private NormDescription headNorm(String name, int count) {
    int size = wholeNorms ? heads.size() * count : heads.size();
    return new NormDescription(
        headNormKind, name, size, epsilon, headGains, gainOffset, ownGains ? count : 0);
  }

  private BranchNorms norms(int block, String before, String after) {
    return new BranchNorms(
        before == null ? null : norm(normKind, in(block, before), hidden),
        after == null ? null : norm(normKind, in(block, after), hidden),
        null,
        false,
        residualFactor);
  }

  private ProjectionDescription projection(String attention) {
    int queries = heads.queryWidth();
    int keys = heads.keyValueWidth();
    return fusedAttention
        ? ProjectionDescription.sideBySide(
            LinearDescription.of(
                attention + "qkv_proj", queries + 2 * keys, hidden, projectionBias),
            heads)
        : new ProjectionDescription(
            List.of(
                LinearDescription.of(
                    attention + "q_proj", gated ? 2 * queries : queries, hidden, projectionBias),
                LinearDescription.of(attention + "k_proj", keys, hidden, projectionBias),
                LinearDescription.of(attention + "v_proj", keys, hidden, projectionBias)),
            List.of(),
            gated);
  }
}
