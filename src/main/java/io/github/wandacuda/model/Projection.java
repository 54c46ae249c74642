package io.github.wandacuda.model;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.ProjectionDescription.Columns;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.stream.Stream;

/** Makes queries, keys and values. */
interface Projection {
  /**
   * Runs the linear modules.
   *
   * @param input [tokens, hidden]
   * @param query [tokens, heads * headSize]
   * @param key [tokens, keyValueHeads * headSize]
   * @param value as {@code key}
   */
  void run(Tensor input, InputObserver observer, Tensor query, Tensor key, Tensor value);

  /** Returns the linear modules. */
  Stream<Linear> linears();

  /** {@link ProjectionDescription.Separate}, loaded. */
  static final class Separate implements Projection {
    private final Linear query;
    private final Linear key;
    private final Linear value;
    private final List<String> modules;

    Separate(DecoderWeights weights, ProjectionDescription.Separate description, Arena arena) {
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

  /** {@link ProjectionDescription.Fused}, loaded. */
  static final class Fused implements Projection {
    private final Operations operations;
    private final Workspace workspace;
    private final ProjectionDescription.Fused description;
    private final Linear linear;

    Fused(
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
}
