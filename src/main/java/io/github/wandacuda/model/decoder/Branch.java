package io.github.wandacuda.model.decoder;

import io.github.wandacuda.forward.Tensor;
import java.util.stream.Stream;

/** What stands on a branch beside the residual: attention or an MLP. */
interface Branch extends AutoCloseable {
  /**
   * Runs the branch.
   *
   * @param input [tokens, hidden], whole sequences one below the other
   * @param sequenceLength tokens of a sequence
   * @param observer sees the linear modules' inputs
   * @param out [tokens, hidden], apart from {@code input}; or null to go only as far as the last
   *     linear module's input
   */
  void run(Tensor input, int sequenceLength, InputObserver observer, Tensor out);

  /** Returns all linear modules. */
  Stream<Linear> linears();

  @Override
  void close();
}
