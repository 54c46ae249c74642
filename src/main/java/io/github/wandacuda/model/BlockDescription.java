package io.github.wandacuda.model;

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
    Stream<LinearDescription> projections =
        attention.projection() instanceof ProjectionDescription.Separate separate
            ? Stream.of(separate.query(), separate.key(), separate.value())
            : Stream.of(((ProjectionDescription.Fused) attention.projection()).linear());
    return Stream.of(projections, Stream.of(attention.output()), linears(mlp))
        .flatMap(linears -> linears);
  }

  private static Stream<LinearDescription> linears(MlpDescription mlp) {
    if (mlp instanceof MlpDescription.Plain plain) {
      return Stream.of(plain.up(), plain.down());
    }
    if (mlp instanceof MlpDescription.Gated gated) {
      return Stream.of(gated.gate(), gated.up(), gated.down());
    }
    if (mlp instanceof MlpDescription.FusedGated fused) {
      return Stream.of(fused.gateUp(), fused.down());
    }
    MlpDescription.Experts experts = (MlpDescription.Experts) mlp;
    Stream<LinearDescription> routed =
        Stream.concat(
            Stream.of(experts.router()), experts.all().flatMap(BlockDescription::linears));
    return experts.shared() == null
        ? routed
        : Stream.concat(
            routed,
            Stream.concat(Stream.of(experts.shared().gate()), linears(experts.shared().mlp())));
  }

  /**
   * The norms around a branch: {@code sum(residual + after(branch(before(x))))}. Each is null if
   * there is none.
   *
   * @param before of the branch's input
   * @param after of its output
   * @param sum of the sum
   * @param normedResidual whether the residual is the normed input instead of the input
   */
  public record BranchNorms(
      NormDescription before, NormDescription after, NormDescription sum, boolean normedResidual) {

    /** Returns a norm on the input alone. */
    public static BranchNorms before(NormDescription norm) {
      return new BranchNorms(norm, null, null, false);
    }

    /** Returns norms on the input and on the output. */
    public static BranchNorms around(NormDescription before, NormDescription after) {
      return new BranchNorms(before, after, null, false);
    }

    /** Returns a norm on the sum alone. */
    public static BranchNorms onSum(NormDescription norm) {
      return new BranchNorms(null, null, norm, false);
    }
  }
}
