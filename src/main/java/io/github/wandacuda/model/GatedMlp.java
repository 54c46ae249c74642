package io.github.wandacuda.model;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.Workspace.Place;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.stream.Stream;

/**
 * An MLP as {@link MlpDescription.Gated} or {@link MlpDescription.FusedGated} says, with its
 * weights loaded.
 */
final class GatedMlp implements Branch {
  private final Operations operations;
  private final Workspace workspace;
  private final List<Linear> inputs;
  private final List<String> inputModules;
  private final Activation activation;
  private final Linear down;

  private GatedMlp(
      DecoderWeights weights,
      Workspace workspace,
      List<LinearDescription> inputs,
      Activation activation,
      LinearDescription down,
      Arena arena) {
    operations = weights.operations();
    this.workspace = workspace;
    this.inputs = inputs.stream().map(linear -> new Linear(weights, linear, arena)).toList();
    inputModules = this.inputs.stream().map(Linear::module).toList();
    this.activation = activation;
    this.down = new Linear(weights, down, arena);
  }

  GatedMlp(
      DecoderWeights weights, Workspace workspace, MlpDescription.Gated description, Arena arena) {
    this(
        weights,
        workspace,
        List.of(description.gate(), description.up()),
        description.activation(),
        description.down(),
        arena);
  }

  GatedMlp(
      DecoderWeights weights,
      Workspace workspace,
      MlpDescription.FusedGated description,
      Arena arena) {
    this(
        weights,
        workspace,
        List.of(description.gateUp()),
        description.activation(),
        description.down(),
        arena);
  }

  @Override
  public void run(Tensor input, Span span, InputObserver observer, Tensor out) {
    Tensor gate = workspace.take(Place.GATE, input.rows(), down.columns());
    Tensor up = workspace.take(Place.UP, input.rows(), down.columns());
    observer.input(inputModules, input);
    if (inputs.size() == 1) {
      fused(input, gate, up);
    } else {
      inputs.get(0).apply(input, gate);
      inputs.get(1).apply(input, up);
    }
    operations.elementwise(new Elementwise.Gate(activation), gate, up, gate);
    observer.input(List.of(down.module()), gate);
    if (out != null) {
      down.apply(gate, out);
    }
  }

  private void fused(Tensor input, Tensor gate, Tensor up) {
    Tensor both = workspace.take(Place.FUSED, input.rows(), inputs.get(0).rows());
    inputs.get(0).apply(input, both);
    operations.gatherColumns(both, 0, gate.columns(), 0, gate);
    operations.gatherColumns(both, gate.columns(), up.columns(), 0, up);
  }

  @Override
  public Stream<Linear> linears() {
    return Stream.concat(inputs.stream(), Stream.of(down));
  }

  @Override
  public void close() {
    linears().forEach(Linear::close);
  }
}
