package io.github.wandacuda.model;

import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.ProjectionDescription.Columns;
import io.github.wandacuda.model.Workspace.Place;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.stream.Stream;

/** {@link AttentionDescription}, loaded. */
final class Attention implements Branch {
  private final Operations operations;
  private final Workspace workspace;
  private final PositionTensors positions;
  private final AttentionDescription description;
  private final Projection projection;
  private final Norm queryNorm;
  private final Norm keyNorm;
  private final Linear output;

  Attention(
      DecoderWeights weights,
      Workspace workspace,
      PositionTensors positions,
      AttentionDescription description,
      Arena arena) {
    operations = weights.operations();
    this.workspace = workspace;
    this.positions = positions;
    this.description = description;
    projection =
        description.projection() instanceof ProjectionDescription.Fused fused
            ? new Projection.Fused(weights, workspace, fused, arena)
            : new Projection.Separate(
                weights, (ProjectionDescription.Separate) description.projection(), arena);
    queryNorm = Norm.orNull(weights, description.queryNorm());
    keyNorm = Norm.orNull(weights, description.keyNorm());
    output = new Linear(weights, description.output(), arena);
  }

  @Override
  public void run(Tensor input, Span span, InputObserver observer, Tensor out) {
    Heads heads = description.heads();
    int tokens = input.rows();
    KeyValueCache.BlockCache cache = span.cache();
    Tensor query = workspace.take(Place.QUERY, tokens, heads.queryWidth());
    Tensor key =
        cache == null
            ? workspace.take(Place.KEY, tokens, heads.keyValueWidth())
            : span.added(cache.keys());
    Tensor value =
        cache == null
            ? workspace.take(Place.VALUE, tokens, heads.keyValueWidth())
            : span.added(cache.values());
    Tensor attended = workspace.take(Place.ATTENDED, tokens, heads.queryWidth());
    projection.run(input, observer, query, key, value);
    place(query, queryNorm, span);
    place(key, keyNorm, span);
    Tensor keys = cache == null ? key : span.all(cache.keys());
    Tensor values = cache == null ? value : span.all(cache.values());
    Tensor keyBias = positions.at(description.scores().keyBias(), span.length());
    operations.attention(query, keys, values, shape(span), keyBias, attended);
    observer.input(List.of(output.module()), attended);
    if (out != null) {
      output.apply(attended, out);
    }
  }

  /** Norms and rotates the heads of queries or keys in place. */
  private void place(Tensor heads, Norm norm, Span span) {
    if (norm != null) {
      norm.applyToHeads(heads);
    }
    Rotary rotary = description.rotary();
    if (rotary != null) {
      Tensor cosines = positions.at(rotary.cosines(), span.positions());
      Tensor sines = positions.at(rotary.sines(), span.positions());
      operations.rotate(heads, description.heads().size(), span.added(cosines), span.added(sines));
    }
  }

  private AttentionShape shape(Span span) {
    Heads heads = description.heads();
    AttentionDescription.Scores scores = description.scores();
    return new AttentionShape(
        span.length(),
        span.past(),
        heads.queries(),
        heads.keyValueHeads(),
        heads.size(),
        scores.scale(),
        scores.softcap(),
        scores.window());
  }

  @Override
  public Stream<Linear> linears() {
    return Stream.concat(projection.linears(), Stream.of(output));
  }

  @Override
  public void close() {
    linears().forEach(Linear::close);
    Norm.close(queryNorm);
    Norm.close(keyNorm);
  }

  /** Makes queries, keys and values. */
  private interface Projection {
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
      public void run(
          Tensor input, InputObserver observer, Tensor query, Tensor key, Tensor value) {
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
}
