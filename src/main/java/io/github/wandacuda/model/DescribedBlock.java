package io.github.wandacuda.model;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.model.BlockDescription.BranchNorms;
import io.github.wandacuda.model.Workspace.Place;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** A block as a {@link BlockDescription} says, with its weights loaded. */
final class DescribedBlock implements Block {
  private final Arena memory;
  private final int index;
  private final boolean parallel;
  private final Residual attention;
  private final Residual mlp;

  /**
   * Loads a block.
   *
   * @param memory of the weights; closed with the block
   */
  DescribedBlock(
      DecoderWeights weights,
      Workspace workspace,
      PositionTensors positions,
      BlockDescription description,
      int index,
      Arena memory) {
    this.index = index;
    this.memory = memory;
    parallel = description.parallel();
    attention =
        new Residual(
            weights,
            workspace,
            new Attention(weights, workspace, positions, description.attention(), memory),
            Place.ATTENTION_BRANCH,
            description.attentionNorms());
    mlp =
        new Residual(
            weights,
            workspace,
            Branch.mlp(weights, workspace, description.mlp(), memory),
            Place.MLP_BRANCH,
            description.mlpNorms());
  }

  @Override
  public void forward(Tensor hidden, int sequenceLength, InputObserver observer) {
    run(hidden, Span.whole(sequenceLength), observer);
  }

  @Override
  public void extend(Tensor hidden, KeyValueCache cache) {
    run(hidden, Span.next(hidden.rows(), cache, index), InputObserver.NONE);
  }

  private void run(Tensor hidden, Span span, InputObserver observer) {
    if (parallel) {
      Tensor attended = attention.branch(hidden, span, observer);
      Tensor transformed = mlp.branch(hidden, span, observer);
      attention.finish(attended, hidden);
      mlp.finish(transformed, hidden);
    } else {
      attention.run(hidden, span, observer);
      mlp.run(hidden, span, observer);
    }
  }

  @Override
  public void observe(Tensor hidden, int sequenceLength, InputObserver observer) {
    Span span = Span.whole(sequenceLength);
    if (parallel) {
      attention.observe(hidden, span, observer);
    } else {
      attention.run(hidden, span, observer);
    }
    mlp.observe(hidden, span, observer);
  }

  @Override
  public Map<String, Integer> inputFeatures() {
    Map<String, Integer> features = new LinkedHashMap<>();
    linears().forEach(linear -> features.put(linear.module(), linear.columns()));
    return features;
  }

  private Stream<Linear> linears() {
    return Stream.concat(attention.linears(), mlp.linears());
  }

  @Override
  public Weight weight(String module) {
    return linear(module).weight();
  }

  @Override
  public Optional<MemorySegment> bytes(String module) {
    return linear(module).bytes();
  }

  @Override
  public void replace(String module, WeightMatrix weight) {
    linear(module).replace(weight);
  }

  private Linear linear(String module) {
    return linears()
        .filter(linear -> linear.module().equals(module))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no module " + module));
  }

  @Override
  public void close() {
    attention.close();
    mlp.close();
    memory.close();
  }

  /** A branch with the norms around it, which is added to the residual. */
  private static final class Residual implements AutoCloseable {
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
        DecoderWeights weights,
        Workspace workspace,
        Branch branch,
        Place output,
        BranchNorms norms) {
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
}
