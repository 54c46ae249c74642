package io.github.wandacuda.model;

import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.RoutingRule;
import java.util.List;
import java.util.Objects;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A decoder block: attention and an MLP, each on a branch beside the residual.
 *
 * @param attention what attends
 * @param attentionNorms where norms stand around it
 * @param mlp what comes next
 * @param mlpNorms where norms stand around it
 * @param parallel whether both branches read the block's input and are added in one sum; else the
 *     MLP reads attention's sum
 */
public record BlockDescription(
    MixerDescription attention,
    BranchNorms attentionNorms,
    MlpDescription mlp,
    BranchNorms mlpNorms,
    boolean parallel) {
  /**
   * Returns the block's linear modules, routers and experts included, in the order of their use.
   */
  public Stream<LinearDescription> linears() {
    return Stream.concat(attention.linears(), mlp.linears());
  }

  /**
   * Returns whether the block is two steps, each of which adds the outputs of linear modules, times
   * a factor, to the hidden states, with no norm behind them. Then the hidden states depend
   * linearly on the weights of these modules, and a least-squares fit of the weights is one of the
   * hidden states.
   */
  public boolean isAdditive() {
    return !parallel && attentionNorms.isBefore() && mlpNorms.isBefore();
  }

  /** Returns the linear modules whose outputs are the outputs of its branches. */
  public Stream<LinearDescription> outputs() {
    return Stream.concat(Stream.of(attention.output()), mlp.outputs());
  }

  /** Returns all its norms. */
  public Stream<NormDescription> norms() {
    Stream<NormDescription> around =
        Stream.of(attentionNorms, mlpNorms)
            .flatMap(norms -> Stream.of(norms.before, norms.after, norms.sum));
    return Stream.concat(around, attention.norms()).filter(Objects::nonNull);
  }

  /**
   * The norms around a branch: {@code sum(residual + factor * after(branch(before(x))))}. Each is
   * null if there is none.
   *
   * @param before of the branch's input
   * @param after of its output
   * @param sum of the sum
   * @param normedResidual whether the residual is the normed input instead of the input
   * @param factor of what is added to the residual, 1 for most families
   */
  public record BranchNorms(
      NormDescription before,
      NormDescription after,
      NormDescription sum,
      boolean normedResidual,
      float factor) {
    /** Describes norms of a branch whose output is added without a factor. */
    public BranchNorms(
        NormDescription before, NormDescription after, NormDescription sum, boolean normed) {
      this(before, after, sum, normed, 1);
    }

    /** Returns whether the only norm is the one on the branch's input. */
    boolean isBefore() {
      return after == null && sum == null && !normedResidual;
    }

    /** Describes a norm on the input alone, as LLaMA has it. */
    public static BranchNorms before(NormDescription norm) {
      return new BranchNorms(norm, null, null, false);
    }
  }

  /** What mixes the tokens of a sequence: attention of one kind, or a recurrent layer. */
  public sealed interface MixerDescription {
    /** Returns its linear modules, in the order of their use. */
    Stream<LinearDescription> linears();

    /** Returns the last of them, [hidden, features]. */
    LinearDescription output();

    /** Returns its norms, with null for each that it doesn't have. */
    Stream<NormDescription> norms();

    /**
     * Returns the features of a token's queries, which meet every key; 0 if there is no attention.
     */
    default int queryWidth() {
      return 0;
    }

    /** Returns how queries and keys are rotated, or null for not at all. */
    default Rotary rotary() {
      return null;
    }

    /** Returns the features of a token that are rotated. */
    default int rotatedWidth() {
      return 0;
    }

    /** Returns the two matrices that are kept of a sequence for its next tokens. */
    List<Kept> kept();
  }

  /**
   * A matrix that is kept of a sequence's tokens.
   *
   * @param rows of a state that each token changes; 0 for a matrix with a row for each token
   * @param columns of the matrix
   */
  public record Kept(int rows, int columns) {}

  /**
   * A block's attention.
   *
   * @param projection how queries, keys and values are made
   * @param queryNorm a norm over each query head, or over all of a token's together, or null
   * @param keyNorm as {@code queryNorm}, over key heads
   * @param normsLast whether these norms are after the rotation; else before it
   * @param bound of the size of each feature of queries, keys and values after the norms, or 0 for
   *     none
   * @param heads the heads
   * @param rotary how queries and keys are rotated, or null for not at all
   * @param queryFactor multiplies queries by a factor of their position, or null
   * @param scores what is done to the scores before the softmax
   * @param output [hidden, heads * headSize]
   */
  public record AttentionDescription(
      ProjectionDescription projection,
      NormDescription queryNorm,
      NormDescription keyNorm,
      boolean normsLast,
      float bound,
      Heads heads,
      Rotary rotary,
      Rotary queryFactor,
      Scores scores,
      LinearDescription output)
      implements MixerDescription {
    /** Returns attention without norms, bounds and positions. */
    public static AttentionDescription of(
        ProjectionDescription projection, Heads heads, Scores scores, LinearDescription output) {
      return new AttentionDescription(
          projection, null, null, false, 0, heads, null, null, scores, output);
    }

    /** Returns the same with norms of queries and keys, before the rotation or after it. */
    public AttentionDescription normed(NormDescription query, NormDescription key, boolean last) {
      return new AttentionDescription(
          projection, query, key, last, bound, heads, rotary, queryFactor, scores, output);
    }

    /** Returns the same with a bound of each feature, or 0 for none. */
    public AttentionDescription bounded(float most) {
      return new AttentionDescription(
          projection,
          queryNorm,
          keyNorm,
          normsLast,
          most,
          heads,
          rotary,
          queryFactor,
          scores,
          output);
    }

    /**
     * Returns the same with positions.
     *
     * @param turned how queries and keys are rotated, or null
     * @param factor multiplies queries, or null
     */
    public AttentionDescription placed(Rotary turned, Rotary factor) {
      return new AttentionDescription(
          projection, queryNorm, keyNorm, normsLast, bound, heads, turned, factor, scores, output);
    }

    @Override
    public Stream<LinearDescription> linears() {
      return Stream.concat(projection.linears().stream(), Stream.of(output));
    }

    @Override
    public Stream<NormDescription> norms() {
      return Stream.of(queryNorm, keyNorm);
    }

    @Override
    public int queryWidth() {
      return heads.queryWidth();
    }

    @Override
    public int rotatedWidth() {
      return rotary == null ? 0 : heads.queryWidth() + heads.keyValueWidth();
    }

    /** Keys and values. */
    @Override
    public List<Kept> kept() {
      Kept each = new Kept(0, heads.keyValueWidth());
      return List.of(each, each);
    }
  }

  /**
   * Latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1). Keys and values of all heads are
   * made of one narrow latent of each token; only a rotated part of the key, which all heads share,
   * isn't. The features of a query are [plain | rotated], and so are those of a key.
   *
   * @param queries one module for the queries, [heads * (plain + rotated), hidden]; or two, the
   *     first to a narrow width and the second from it
   * @param queryNorm over that width, or null without it
   * @param compress [latent + rotated, hidden]
   * @param latentNorm over the latent
   * @param expand [heads * (plain + valueSize), latent], whose output is each head's key and value
   * @param heads number of heads
   * @param rotated rotated features of a head
   * @param valueSize features of a head's value
   * @param rotary how the rotated features are turned
   * @param scale the factor of a query's product with a key
   * @param output [hidden, heads * valueSize]
   */
  public record LatentDescription(
      List<LinearDescription> queries,
      NormDescription queryNorm,
      LinearDescription compress,
      NormDescription latentNorm,
      LinearDescription expand,
      int heads,
      int rotated,
      int valueSize,
      Rotary rotary,
      float scale,
      LinearDescription output)
      implements MixerDescription {
    @Override
    public Stream<LinearDescription> linears() {
      return Stream.concat(queries.stream(), Stream.of(compress, expand, output));
    }

    /** Returns the features of a head's key that aren't rotated. */
    public int plain() {
      return expand.rows() / heads - valueSize;
    }

    /**
     * Returns the features of a head in attention: of a key or of a value, whichever is wider; the
     * other one is filled up with zeros.
     */
    int size() {
      return Math.max(plain() + rotated, valueSize);
    }

    @Override
    public Stream<NormDescription> norms() {
      return Stream.of(queryNorm, latentNorm);
    }

    @Override
    public int queryWidth() {
      return Math.multiplyExact(heads, size());
    }

    @Override
    public int rotatedWidth() {
      return (heads + 1) * rotated;
    }

    /** Latents and rotated keys. */
    @Override
    public List<Kept> kept() {
      return List.of(new Kept(0, expand.columns()), new Kept(0, rotated));
    }
  }

  /**
   * A gated delta net (Yang et al., arXiv 2412.06464): queries, keys and values go through a short
   * convolution, then each head reads from a matrix, its state, that decays and is corrected token
   * by token.
   *
   * @param inputs one module for queries, keys, values and gates, head by head of the keys, and one
   *     for the corrections' and the decays' steps, likewise; or one for queries, keys and values
   *     side by side, one for the gates, one for the corrections, one for the decays
   * @param convolution its weight's name without {@code .weight}, [2 * keys + values, 1, kernel]
   * @param kernel tokens that the convolution sees
   * @param decay the name of the decays' logarithms, [heads]
   * @param step the name of what is added to the decays' steps, [heads]
   * @param keyHeads query and key heads; each serves as many neighbouring heads of the values
   * @param keySize features of a query or key head
   * @param heads value heads
   * @param norm over each head of the result, before it is gated
   * @param output [hidden, heads * norm.size]
   */
  public record DeltaNetDescription(
      List<LinearDescription> inputs,
      String convolution,
      int kernel,
      String decay,
      String step,
      int keyHeads,
      int keySize,
      int heads,
      NormDescription norm,
      LinearDescription output)
      implements MixerDescription {
    @Override
    public Stream<LinearDescription> linears() {
      return Stream.concat(inputs.stream(), Stream.of(output));
    }

    /** Returns the features of all keys. */
    int keyWidth() {
      return keyHeads * keySize;
    }

    /** Returns the features of all values. */
    public int valueWidth() {
      return output.columns();
    }

    /** Returns the features of queries, keys and values together. */
    public int channels() {
      return 2 * keyWidth() + valueWidth();
    }

    @Override
    public Stream<NormDescription> norms() {
      return Stream.of(norm);
    }

    /** The convolution's last inputs, and the states. */
    @Override
    public List<Kept> kept() {
      return List.of(
          new Kept(Math.max(1, kernel - 1), channels()), new Kept(heads * keySize, norm.size()));
    }
  }

  /**
   * What is done to scores before the softmax.
   *
   * @param scale the factor of a query's product with a key
   * @param softcap the bound of a scaled score, or 0 for none
   * @param window how many of the last keys a token sees, or 0 for all
   * @param chunk tokens of a chunk, of which a token sees its own alone, or 0 for all
   * @param keyBias [heads, sequenceLength], added to the score of each key, or null
   * @param sinks the name of the tensor that has a score of one more key of each head, after the
   *     decoder's prefix, or null
   */
  public record Scores(
      float scale, float softcap, int window, int chunk, PositionTable keyBias, String sinks) {
    /** Returns scores that are multiplied by a scale, and nothing else. */
    public static Scores scaled(double scale) {
      return new Scores((float) scale, 0, 0, 0, null, null);
    }

    /** Returns scores that are divided by the root of the head's size, and nothing else. */
    public static Scores plain(Heads heads) {
      return scaled(1 / Math.sqrt(heads.size()));
    }

    /**
     * Returns the same with a bias of keys.
     *
     * @param bias [heads, sequenceLength], or null
     */
    public Scores biased(PositionTable bias) {
      return new Scores(scale, softcap, window, chunk, bias, sinks);
    }

    /**
     * Returns the same with a bound.
     *
     * @param bound of the scaled scores, or 0 for none
     */
    public Scores capped(float bound) {
      return new Scores(scale, bound, window, chunk, keyBias, sinks);
    }

    /**
     * Returns the same where a token sees only some keys.
     *
     * @param lastKeys the window, or 0 for all
     * @param ownChunk tokens of a chunk, or 0 for all
     */
    public Scores seeing(int lastKeys, int ownChunk) {
      return new Scores(scale, softcap, lastKeys, ownChunk, keyBias, sinks);
    }

    /** Returns the same with sinks, or without if their name is null. */
    public Scores sunk(String name) {
      return new Scores(scale, softcap, window, chunk, keyBias, name);
    }
  }

  /**
   * How queries, keys and values are computed from a block's hidden states.
   *
   * @param linears one for each of the three: [heads * headSize, hidden] and twice [keyValueHeads *
   *     headSize, hidden]; or one for all, [(heads + 2 * keyValueHeads) * headSize, hidden], whose
   *     output is split
   * @param columns the columns of that output that are queries, keys and values; none without it
   * @param gated whether the first of three has as many rows more: behind each query head its gate,
   *     by whose sigmoid attention's result is multiplied
   */
  public record ProjectionDescription(
      List<LinearDescription> linears, List<Columns> columns, boolean gated) {
    /** Describes an output of all queries, then all keys, then all values. */
    public static ProjectionDescription sideBySide(LinearDescription linear, Heads heads) {
      return fused(linear, heads.queryWidth(), heads.keyValueWidth(), 0);
    }

    /** Describes an output in which each key and value head follows the queries that share it. */
    public static ProjectionDescription byGroup(LinearDescription linear, Heads heads) {
      int queries = heads.queryWidth() / heads.keyValueHeads();
      return fused(linear, queries, heads.size(), queries + 2 * heads.size());
    }

    private static ProjectionDescription fused(
        LinearDescription linear, int queries, int keys, int stride) {
      return new ProjectionDescription(
          List.of(linear),
          List.of(
              new Columns(0, queries, stride),
              new Columns(queries, keys, stride),
              new Columns(queries + keys, keys, stride)),
          false);
    }
  }

  /**
   * Some columns of a fused output, in groups.
   *
   * @param offset the first group's first column
   * @param width columns of a group
   * @param stride columns from a group's first to the next group's first
   */
  public record Columns(int offset, int width, int stride) {}

  /** What stands behind attention in a block: one MLP, or a mixture of them. */
  public sealed interface MlpDescription {
    /** Returns its linear modules, in the order of their use. */
    Stream<LinearDescription> linears();

    /** Returns the linear modules whose outputs are added up to its own. */
    Stream<LinearDescription> outputs();
  }

  /**
   * {@code down(activation(up(x)))}, or with a gate {@code down(activation(gate(x)) * up(x))}
   * (Shazeer, arXiv 2002.05202).
   *
   * @param inputs up; or gate and up, each [wide, hidden]; or one for both, [2 * wide, hidden]
   * @param gated whether there is a gate
   * @param interleaved whether a module for both has the gate's and up's rows by turns; else the
   *     gate's rows come first
   * @param activation of up, or of the gate; one that takes two is of gate and up together
   * @param learned what the names of the activation's own tensors begin with, where it is an xIELU
   *     instead; else null
   * @param down [hidden, wide]
   */
  public record DenseMlp(
      List<LinearDescription> inputs,
      boolean gated,
      boolean interleaved,
      Elementwise activation,
      String learned,
      LinearDescription down)
      implements MlpDescription {
    /**
     * Describes an MLP whose activation has no tensors of its own; a module for gate and up has the
     * gate's rows first.
     */
    public DenseMlp(
        List<LinearDescription> inputs,
        boolean gated,
        Elementwise activation,
        LinearDescription down) {
      this(inputs, gated, false, activation, null, down);
    }

    @Override
    public Stream<LinearDescription> linears() {
      return Stream.concat(inputs.stream(), Stream.of(down));
    }

    @Override
    public Stream<LinearDescription> outputs() {
      return Stream.of(down);
    }
  }

  /**
   * A mixture of experts: the sum of a token's experts, weighed by a router (Jiang et al., arXiv
   * 2401.04088, section 2.1).
   *
   * @param router [experts, hidden]
   * @param rule how experts are chosen and weighed
   * @param correction the name of the tensor that is added to what experts are chosen by, after the
   *     decoder's prefix, or null
   * @param weighsInputs whether an expert's weight is the factor of its input; else of its output
   * @param expert describes an expert by its index
   * @param shared the expert of all tokens, or null
   */
  public record Experts(
      LinearDescription router,
      RoutingRule rule,
      String correction,
      boolean weighsInputs,
      IntFunction<MlpDescription> expert,
      SharedExpert shared)
      implements MlpDescription {
    /** Returns all experts, described one after the other. */
    public Stream<MlpDescription> all() {
      return IntStream.range(0, router.rows()).mapToObj(expert);
    }

    @Override
    public Stream<LinearDescription> outputs() {
      return Stream.concat(Stream.ofNullable(shared).map(SharedExpert::mlp), all())
          .flatMap(MlpDescription::outputs);
    }

    @Override
    public Stream<LinearDescription> linears() {
      Stream<LinearDescription> routed =
          Stream.concat(Stream.of(router), all().flatMap(MlpDescription::linears));
      return shared == null
          ? routed
          : Stream.of(routed, Stream.ofNullable(shared.gate), shared.mlp.linears())
              .flatMap(linears -> linears);
    }
  }

  /**
   * An expert that all tokens go to, beside those that the router chooses.
   *
   * @param gate [1, hidden], whose output's sigmoid is the expert's weight, or null for a weight of
   *     1
   * @param mlp the expert
   */
  public record SharedExpert(LinearDescription gate, MlpDescription mlp) {}
}
