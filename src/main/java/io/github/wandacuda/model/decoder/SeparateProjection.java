package io.github.wandacuda.model.decoder;

import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.description.ProjectionDescription;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.stream.Stream;

/** {@link ProjectionDescription.Separate}, loaded. */
final class SeparateProjection implements Projection {
  private final Linear query;
  private final Linear key;
  private final Linear value;
  private final List<String> modules;

  SeparateProjection(
      DecoderWeights weights, ProjectionDescription.Separate description, Arena arena) {
    query = new Linear(weights, description.query(), arena);
    key = new Linear(weights, description.key(), arena);
    value = new Linear(weights, description.value(), arena);
    modules = linears().map(Linear::module).toList();
  }

  @Override
  public void run(
      Tensor input, InputObserver observer, Tensor queries, Tensor keys, Tensor values) {
    observer.input(modules, input);
    query.apply(input, queries);
    key.apply(input, keys);
    value.apply(input, values);
  }

  @Override
  public Stream<Linear> linears() {
    return Stream.of(query, key, value);
  }
}
