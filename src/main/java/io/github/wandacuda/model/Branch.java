package io.github.wandacuda.model;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.Workspace.Place;
import java.lang.foreign.Arena;
import java.util.List;
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

  /** An MLP as {@link MlpDescription.Plain} says, with its weights loaded. */
  final class PlainMlp implements Branch {
    private final Operations operations;
    private final Workspace workspace;
    private final MlpDescription.Plain description;
    private final Linear up;
    private final Linear down;

    PlainMlp(
        DecoderWeights weights,
        Workspace workspace,
        MlpDescription.Plain description,
        Arena arena) {
      operations = weights.operations();
      this.workspace = workspace;
      this.description = description;
      up = new Linear(weights, description.up(), arena);
      down = new Linear(weights, description.down(), arena);
    }

    @Override
    public void run(Tensor input, Span span, InputObserver observer, Tensor out) {
      Tensor wide = workspace.take(Place.UP, input.rows(), up.rows());
      observer.input(List.of(up.module()), input);
      up.apply(input, wide);
      operations.elementwise(description.activation(), wide, null, wide);
      observer.input(List.of(down.module()), wide);
      if (out != null) {
        down.apply(wide, out);
      }
    }

    @Override
    public Stream<Linear> linears() {
      return Stream.of(up, down);
    }

    @Override
    public void close() {
      linears().forEach(Linear::close);
    }
  }

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
        DecoderWeights weights,
        Workspace workspace,
        MlpDescription.Gated description,
        Arena arena) {
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
}
