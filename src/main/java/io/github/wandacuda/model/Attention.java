package io.github.wandacuda.model;

import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.BlockDescription.AttentionDescription;
import io.github.wandacuda.model.BlockDescription.Columns;
import io.github.wandacuda.model.BlockDescription.Scores;
import io.github.wandacuda.model.Workspace.Place;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.stream.Stream;

/** Attention as {@link AttentionDescription} says, with its weights loaded. */
final class Attention implements Branch {
  private final Operations operations;
  private final Workspace workspace;
  private final PositionTensors positions;
  private final AttentionDescription description;
  private final List<Linear> projections;
  private final List<String> modules;
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
    projections =
        description.projection().linears().stream()
            .map(linear -> new Linear(weights, linear, arena))
            .toList();
    modules = projections.stream().map(Linear::module).toList();
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
    observer.input(modules, input);
    project(input, List.of(query, key, value));
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

  /** Runs the modules of queries, keys and values, or the one for all, whose output is split. */
  private void project(Tensor input, List<Tensor> outs) {
    List<Columns> columns = description.projection().columns();
    if (columns.isEmpty()) {
      for (int at = 0; at < outs.size(); at++) {
        projections.get(at).apply(input, outs.get(at));
      }
      return;
    }
    Linear all = projections.getFirst();
    Tensor fused = workspace.take(Place.FUSED, input.rows(), all.rows());
    all.apply(input, fused);
    for (int at = 0; at < outs.size(); at++) {
      Columns own = columns.get(at);
      operations.gatherColumns(fused, own.offset(), own.width(), own.stride(), outs.get(at));
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
    Scores scores = description.scores();
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
    return Stream.concat(projections.stream(), Stream.of(output));
  }

  @Override
  public void close() {
    linears().forEach(Linear::close);
    Norm.close(queryNorm);
    Norm.close(keyNorm);
  }
}
