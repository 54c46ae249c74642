package io.github.wandacuda.model.decoder;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.description.ProjectionDescription;
import io.github.wandacuda.model.description.ProjectionDescription.Columns;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.stream.Stream;

/** {@link ProjectionDescription.Fused}, loaded. */
final class FusedProjection implements Projection {
  private final Operations operations;
  private final Workspace workspace;
  private final ProjectionDescription.Fused description;
  private final Linear linear;

  FusedProjection(
      DecoderWeights weights,
      Workspace workspace,
      ProjectionDescription.Fused description,
      Arena arena) {
    operations = weights.operations();
    this.workspace = workspace;
    this.description = description;
    linear = new Linear(weights, description.linear(), arena);
  }

  @Override
  public void run(Tensor input, InputObserver observer, Tensor query, Tensor key, Tensor value) {
    Tensor fused = workspace.take(Workspace.Place.FUSED, input.rows(), linear.rows());
    observer.input(List.of(linear.module()), input);
    linear.apply(input, fused);
    gather(fused, description.query(), query);
    gather(fused, description.key(), key);
    gather(fused, description.value(), value);
  }

  private void gather(Tensor fused, Columns columns, Tensor out) {
    operations.gatherColumns(fused, columns.offset(), columns.width(), columns.stride(), out);
  }

  @Override
  public Stream<Linear> linears() {
    return Stream.of(linear);
  }
}
