package io.github.wandacuda.model.description;

/**
 * A decoder block: attention and an MLP, each on a branch beside the residual.
 *
 * @param attention what attends
 * @param attentionNorms where norms stand around it
 * @param mlp what comes next
 * @param mlpNorms where norms stand around it
 * @param parallel whether both branches begin at the block's input and end in one sum; else the
 *     MLP's begins where attention's ended
 */
public record BlockDescription(
    AttentionDescription attention,
    BranchNorms attentionNorms,
    MlpDescription mlp,
    BranchNorms mlpNorms,
    boolean parallel) {

  /**
   * Where norms stand around a branch: {@code sum(residual + after(branch(before(x))))}, each of
   * them null where there is none.
   *
   * @param before on the branch's input
   * @param after on its output
   * @param sum on what is handed on
   * @param normedResidual whether the residual is the normed input rather than the input
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
