package io.github.wandacuda.evaluate;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import java.util.List;

/**
 * All requests of an evaluation on their way through a decoder whose blocks another opens, since it
 * changes them. Memory holds the hidden states of all requests.
 */
public final class TaskPass implements AutoCloseable {
  private final Evaluation evaluation;
  private final SharedInputs shared;
  private final List<ForwardPass.Input> inputs;
  private final ForwardPass pass;

  TaskPass(Evaluation evaluation, Decoder decoder, Operations operations) {
    this.evaluation = evaluation;
    shared = evaluation.shared();
    inputs = shared.inputs(0, shared.lengths().length);
    pass = new ForwardPass(decoder, operations, inputs);
  }

  /** Runs all requests through the next block. */
  public void advance(Block block) {
    pass.advance(block);
  }

  /**
   * Scores the tasks, after the last block.
   *
   * @throws io.github.wandacuda.error.InputException if a log-likelihood isn't finite
   */
  public List<TaskScore> scores() {
    pass.score();
    double[] scores = new double[evaluation.requests()];
    shared.put(0, inputs, scores);
    return evaluation.scores(scores);
  }

  @Override
  public void close() {
    pass.close();
  }
}
