package io.github.wandacuda.model.decoder;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.decoder.Workspace.Place;
import io.github.wandacuda.model.description.MlpDescription;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** {@link MlpDescription.SharedExpert}, loaded. */
final class SharedExpert {
  private final Operations operations;
  private final Workspace workspace;
  private final Linear gate;
  private final Branch mlp;

  SharedExpert(
      DecoderWeights weights,
      Workspace workspace,
      MlpDescription.SharedExpert description,
      Arena arena) {
    operations = weights.operations();
    this.workspace = workspace;
    gate = new Linear(weights, description.gate(), arena);
    mlp = Mlps.load(weights, workspace, description.mlp(), arena);
  }

  /** Adds the expert's weighed output to {@code out}, unless that is null. */
  void run(Tensor input, InputObserver observer, Tensor out) {
    observer.input(List.of(gate.module()), input);
    if (out == null) {
      mlp.run(input, input.rows(), observer, null);
      return;
    }
    float[] weights = weights(input);
    Tensor result = workspace.take(Place.EXPERT_OUTPUT, input.rows(), out.columns());
    mlp.run(input, input.rows(), observer, result);
    operations.addRows(result, IntStream.range(0, input.rows()).toArray(), weights, out);
  }

  private float[] weights(Tensor input) {
    float[] weights = new float[input.rows()];
    Tensor logits = workspace.take(Place.ROUTER, input.rows(), 1);
    gate.apply(input, logits);
    operations.download(logits, MemorySegment.ofArray(weights));
    for (int token = 0; token < weights.length; token++) {
      weights[token] = (float) (1 / (1 + StrictMath.exp(-weights[token])));
    }
    return weights;
  }

  Stream<Linear> linears() {
    return Stream.concat(Stream.of(gate), mlp.linears());
  }
}
