package io.github.wandacuda.model;

import io.github.wandacuda.forward.Activation;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A decoder block: attention and an MLP, each on a branch beside the residual.
 *
 * @param attention the attention
 * @param attentionNorms the norms around it
 * @param mlp the MLP
 * @param mlpNorms the norms around it
 * @param parallel whether both branches read the block's input and are added in one sum; else the
 *     MLP reads attention's sum
 */
public record BlockDescription(
    AttentionDescription attention,
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
   * The norms around a branch: {@code sum(residual + factor * after(branch(before(x))))}. Each is
   * null if there is none.
   *
   * @param before of the branch's input
   * @param after of its output
   * @param sum of the sum
   * @param normedResidual whether the residual is the normed input instead of the input
   * @param factor of what is added to the residual
   */
  public record BranchNorms(
      NormDescription before,
      NormDescription after,
      NormDescription sum,
      boolean normedResidual,
      float factor) {
    /** Returns norms of a branch that is added as it is. */
    BranchNorms(
        NormDescription before, NormDescription after, NormDescription sum, boolean normed) {
      this(before, after, sum, normed, 1);
    }

    /** Returns a norm on the input alone. */
    static BranchNorms before(NormDescription norm) {
      return new BranchNorms(norm, null, null, false);
    }
  }

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
      LinearDescription output) {
    /** Returns its linear modules, in the order of their use. */
    public Stream<LinearDescription> linears() {
      return Stream.concat(projection.linears().stream(), Stream.of(output));
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
   */
  public record Scores(float scale, float softcap, int window, int chunk, PositionTable keyBias) {
    /** Returns scores that are multiplied by a scale, and nothing else. */
    static Scores scaled(double scale) {
      return new Scores((float) scale, 0, 0, 0, null);
    }

    /** Returns scores that are divided by the root of the head's size, and nothing else. */
    static Scores plain(Heads heads) {
      return scaled(1 / Math.sqrt(heads.size()));
    }

    /** Returns the same with a bias. */
    Scores biased(PositionTable bias) {
      return new Scores(scale, softcap, window, chunk, bias);
    }

    /** Returns the same where a token sees only some keys. */
    Scores seeing(int lastKeys, int ownChunk) {
      return new Scores(scale, softcap, lastKeys, ownChunk, keyBias);
    }
  }

  /**
   * How queries, keys and values are computed from a block's hidden states.
   *
   * @param linears one for each of the three: [heads * headSize, hidden] and twice [keyValueHeads *
   *     headSize, hidden]; or one for all, [(heads + 2 * keyValueHeads) * headSize, hidden], whose
   *     output is split
   * @param columns the columns of that output that are queries, keys and values; none without it
   */
  public record ProjectionDescription(List<LinearDescription> linears, List<Columns> columns) {
    /** Describes a linear module for each of the three. */
    static ProjectionDescription separate(
        LinearDescription query, LinearDescription key, LinearDescription value) {
      return new ProjectionDescription(List.of(query, key, value), List.of());
    }

    /** Describes an output of all queries, then all keys, then all values. */
    static ProjectionDescription sideBySide(LinearDescription linear, Heads heads) {
      return fused(linear, heads.queryWidth(), heads.keyValueWidth(), 0);
    }

    /** Describes an output in which each key and value head follows the queries that share it. */
    static ProjectionDescription byGroup(LinearDescription linear, Heads heads) {
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
              new Columns(queries + keys, keys, stride)));
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

  /** A block's MLP. */
  public sealed interface MlpDescription {
    /** Returns its linear modules, in the order of their use. */
    Stream<LinearDescription> linears();
  }

  /**
   * {@code down(activation(up(x)))}, or with a gate {@code down(activation(gate(x)) * up(x))}
   * (Shazeer, arXiv 2002.05202).
   *
   * @param inputs up; or gate and up, each [wide, hidden]; or one for both, [2 * wide, hidden], the
   *     gate's rows first
   * @param gated whether there is a gate
   * @param activation of up, or of the gate
   * @param learned what the names of the activation's own tensors begin with, where it is an xIELU
   *     instead; else null
   * @param down [hidden, wide]
   */
  public record DenseMlp(
      List<LinearDescription> inputs,
      boolean gated,
      Activation activation,
      String learned,
      LinearDescription down)
      implements MlpDescription {
    /** Describes one whose activation has no tensors. */
    DenseMlp(
        List<LinearDescription> inputs,
        boolean gated,
        Activation activation,
        LinearDescription down) {
      this(inputs, gated, activation, null, down);
    }

    @Override
    public Stream<LinearDescription> linears() {
      return Stream.concat(inputs.stream(), Stream.of(down));
    }
  }

  /**
   * A mixture of experts: the sum of a token's experts, weighed by a router (Jiang et al., arXiv
   * 2401.04088, section 2.1).
   *
   * @param router [experts, hidden]
   * @param expertsPerToken how many experts a token is sent to
   * @param renormalize whether a token's weights are divided by their sum
   * @param expert describes an expert by its index
   * @param shared the expert of all tokens, or null
   */
  public record Experts(
      LinearDescription router,
      int expertsPerToken,
      boolean renormalize,
      IntFunction<MlpDescription> expert,
      SharedExpert shared)
      implements MlpDescription {
    /** Returns all experts, described one after the other. */
    public Stream<MlpDescription> all() {
      return IntStream.range(0, router.rows()).mapToObj(expert);
    }

    @Override
    public Stream<LinearDescription> linears() {
      Stream<LinearDescription> routed =
          Stream.concat(Stream.of(router), all().flatMap(MlpDescription::linears));
      return shared == null
          ? routed
          : Stream.of(routed, Stream.of(shared.gate), shared.mlp.linears())
              .flatMap(linears -> linears);
    }
  }

  /**
   * An expert for all tokens, weighed by {@code sigmoid(gate(x))}.
   *
   * @param gate [1, hidden]
   * @param mlp the expert
   */
  public record SharedExpert(LinearDescription gate, MlpDescription mlp) {}
}
