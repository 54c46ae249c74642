package io.github.wandacuda.model;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
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
}
