package io.github.wandacuda.model;

import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.BlockDescription.BranchNorms;
import io.github.wandacuda.model.Workspace.Place;
import java.util.stream.Stream;

/** A branch with the norms around it, which is added to the residual. */
final class Residual implements AutoCloseable {
  private final Operations operations;
  private final Workspace workspace;
  private final Branch branch;
  private final Place output;
  private final Norm before;
  private final Norm after;
  private final Norm sum;
  private final boolean normedResidual;

  /**
   * Puts norms around a branch.
   *
   * @param output the place of the branch's output before it is added
   */
  Residual(
      DecoderWeights weights, Workspace workspace, Branch branch, Place output, BranchNorms norms) {
    operations = weights.operations();
    this.workspace = workspace;
    this.branch = branch;
    this.output = output;
    before = Norm.orNull(weights, norms.before());
    after = Norm.orNull(weights, norms.after());
    sum = Norm.orNull(weights, norms.sum());
    normedResidual = norms.normedResidual();
  }

  /** Runs the branch on {@code hidden} and adds its output to {@code hidden}. */
  void run(Tensor hidden, Span span, InputObserver observer) {
    if (normedResidual) {
      before.apply(hidden, hidden);
      Tensor out = workspace.take(output, hidden.rows(), hidden.columns());
      branch.run(hidden, span, observer, out);
      finish(out, hidden);
    } else {
      finish(branch(hidden, span, observer), hidden);
    }
  }

  /** Runs the branch and returns its output, which {@link #finish} adds. */
  Tensor branch(Tensor hidden, Span span, InputObserver observer) {
    Tensor out = workspace.take(output, hidden.rows(), hidden.columns());
    branch.run(input(hidden), span, observer, out);
    return out;
  }

  /** Adds a branch's output to the residual. */
  void finish(Tensor out, Tensor hidden) {
    if (after != null) {
      after.apply(out, out);
    }
    operations.elementwise(new Elementwise.Add(), hidden, out, hidden);
    if (sum != null) {
      sum.apply(hidden, hidden);
    }
  }

  /** Runs the branch as far as its last linear module's input. */
  void observe(Tensor hidden, Span span, InputObserver observer) {
    branch.run(input(hidden), span, observer, null);
  }

  private Tensor input(Tensor hidden) {
    if (before == null) {
      return hidden;
    }
    Tensor normed = workspace.take(Place.NORMED, hidden.rows(), hidden.columns());
    before.apply(hidden, normed);
    return normed;
  }

  Stream<Linear> linears() {
    return branch.linears();
  }

  @Override
  public void close() {
    branch.close();
    Norm.close(before);
    Norm.close(after);
    Norm.close(sum);
  }
}
