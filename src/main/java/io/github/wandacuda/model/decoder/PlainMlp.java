package io.github.wandacuda.model.decoder;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.MlpDescription;
import io.github.wandacuda.model.decoder.Workspace.Place;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.stream.Stream;

/** An MLP as {@link MlpDescription.Plain} says, with its weights loaded. */
final class PlainMlp implements Branch {
  private final Operations operations;
  private final Workspace workspace;
  private final MlpDescription.Plain description;
  private final Linear up;
  private final Linear down;

  PlainMlp(
      DecoderWeights weights, Workspace workspace, MlpDescription.Plain description, Arena arena) {
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
    operations.activate(description.activation(), wide, wide);
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
