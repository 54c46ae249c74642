package io.github.wandacuda.calibration;

import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.SecondMoments;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Block.Half;
import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Sums the joint second moments of what a block's output projections read and of what each of them
 * is to make up for. Each of a block's two halves adds to the residual stream, so each is to make
 * up for half of what the hidden states before the block lack beside the dense model's. A half
 * whose output several modules add up to has none.
 *
 * @param hidden the columns of the hidden states
 * @param sums by the name of the output projection; filled by {@link #add}
 */
record MissingMoments(
    Operations operations, Block block, int hidden, Map<String, SecondMoments> sums)
    implements AutoCloseable {
  private static final float PART = 0.5f;

  MissingMoments(Operations operations, Block block, int hidden) {
    this(operations, block, hidden, new HashMap<>());
  }

  /**
   * Adds a batch's input if it is that of an output projection; does nothing otherwise.
   *
   * @param modules full names of the linear modules that read the input
   * @param own the hidden states before the block
   * @param goal those of the dense model, which they should be
   * @param at the batch's first token in both
   */
  void add(List<String> modules, Tensor input, HiddenStates own, HiddenStates goal, long at) {
    for (Half half : Half.values()) {
      if (modules.equals(block.outputs(half))) {
        add(modules.getFirst(), input, PART / block.factor(half), own, goal, at);
      }
    }
  }

  /**
   * Adds the second moments of the rows {@code [input, one column of zeros, factor * (goal -
   * own)]}.
   */
  private void add(
      String module, Tensor input, float factor, HiddenStates own, HiddenStates goal, long at) {
    int columns = input.columns();
    int width = columns + 1 + hidden;
    try (Tensor joint = operations.tensor(input.rows(), width);
        Tensor states = operations.tensor(input.rows(), hidden);
        Tensor missing = operations.tensor(input.rows(), hidden)) {
      own.read(at, states);
      goal.read(at, missing);
      operations.elementwise(new Elementwise.Scale(-1), states, null, states);
      operations.elementwise(new Elementwise.Add(), missing, states, missing);
      operations.elementwise(new Elementwise.Scale(factor), missing, null, missing);
      operations.clear(joint);
      operations.gatherColumns(input, HalvesRun.columns(columns, 0), joint);
      operations.gatherColumns(missing, HalvesRun.columns(hidden, columns + 1), joint);
      sums.computeIfAbsent(module, first -> operations.secondMoments(width)).add(joint);
    }
  }

  /**
   * Returns the moments by module.
   *
   * @param tokens by how many the sums are divided
   * @param memory takes the moments, and bounds how long they are valid
   */
  Map<String, OutputMoments> download(long tokens, Arena memory) {
    Map<String, OutputMoments> moments = new HashMap<>();
    sums.forEach(
        (module, sum) -> {
          int inputs = block.inputFeatures().get(module);
          Gram joint = InputMoments.zeros(inputs + 1 + hidden, memory);
          sum.download(tokens, joint.triangle());
          moments.put(module, new OutputMoments(inputs, joint));
        });
    return moments;
  }

  @Override
  public void close() {
    sums.values().forEach(SecondMoments::close);
  }
}
