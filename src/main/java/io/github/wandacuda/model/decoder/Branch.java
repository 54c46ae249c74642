package io.github.wandacuda.model.decoder;

import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.MlpDescription;
import java.lang.foreign.Arena;
import java.util.stream.Stream;

/** A branch beside the residual: attention or an MLP. */
interface Branch extends AutoCloseable {
  /**
   * Runs the branch.
   *
   * @param input [tokens, hidden], sequences one below the other
   * @param span the sequences' tokens that it is
   * @param observer sees the linear modules' inputs
   * @param out [tokens, hidden], not {@code input}; or null to stop before the last linear module
   */
  void run(Tensor input, Span span, InputObserver observer, Tensor out);

  /** Returns all linear modules. */
  Stream<Linear> linears();

  @Override
  void close();

  /** Loads the MLP that a description says. */
  static Branch mlp(
      DecoderWeights weights, Workspace workspace, MlpDescription description, Arena arena) {
    if (description instanceof MlpDescription.Plain plain) {
      return new PlainMlp(weights, workspace, plain, arena);
    }
    if (description instanceof MlpDescription.Gated gated) {
      return new GatedMlp(weights, workspace, gated, arena);
    }
    if (description instanceof MlpDescription.FusedGated fused) {
      return new GatedMlp(weights, workspace, fused, arena);
    }
    return new ExpertsMlp(weights, workspace, (MlpDescription.Experts) description, arena);
  }
}
