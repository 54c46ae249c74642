package io.github.wandacuda.model;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.BlockDescription.AttentionDescription;
import io.github.wandacuda.model.BlockDescription.Columns;
import io.github.wandacuda.model.BlockDescription.Scores;
import io.github.wandacuda.model.HalfParts.HeadNorm;
import io.github.wandacuda.model.Workspace.Place;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/** Attention as {@link AttentionDescription} says, with its weights loaded. */
final class Attention extends Branch {
  private final AttentionDescription description;
  private final Norm queryNorm;
  private final Norm keyNorm;
  private final Tensor sinks;

  Attention(DecoderWeights weights, AttentionDescription description) {
    super(weights, description.linears());
    this.description = description;
    queryNorm = Norm.orNull(weights, description.queryNorm());
    keyNorm = Norm.orNull(weights, description.keyNorm());
    String sunk = description.scores().sinks();
    sinks = sunk == null ? null : weights.vector(sunk, description.heads().queries());
  }

  @Override
  void run(Tensor input, Span span, InputObserver observer, Tensor out) {
    Heads heads = description.heads();
    int tokens = input.rows();
    KeyValueCache.BlockCache cache = span.cache();
    Tensor query = workspace.take(Place.QUERY, tokens, heads.queryWidth());
    Tensor key =
        cache == null
            ? workspace.take(Place.KEY, tokens, heads.keyValueWidth())
            : span.added(cache.first());
    Tensor value =
        cache == null
            ? workspace.take(Place.VALUE, tokens, heads.keyValueWidth())
            : span.added(cache.second());
    Tensor attended = workspace.take(Place.ATTENDED, tokens, heads.queryWidth());
    Tensor gate =
        description.projection().gated()
            ? workspace.take(Place.GATE, tokens, heads.queryWidth())
            : null;
    observer.input(inputModules, input);
    project(input, List.of(query, key, value), gate);
    place(query, queryNorm, span);
    place(key, keyNorm, span);
    bound(value);
    if (description.queryFactor() != null) {
      Rotary factor = description.queryFactor();
      workspace.rotate(query, factor.pairs(), factor, span);
    }
    Tensor keys = cache == null ? key : span.all(cache.first());
    Tensor values = cache == null ? value : span.all(cache.second());
    attend(query, keys, values, span, attended);
    if (gate != null) {
      operations.elementwise(new Elementwise.Gate(Activation.SIGMOID), gate, attended, attended);
    }
    end(attended, observer, out);
  }

  /** Attention with gates, bounds, chunks, or norms behind the rotation has no such parts. */
  @Override
  Optional<HalfParts> parts() {
    boolean plain =
        !description.projection().gated()
            && description.bound() == 0
            && description.queryFactor() == null
            && description.scores().chunk() == 0
            && !(description.normsLast() && description.norms().anyMatch(Objects::nonNull))
            && description.norms().filter(Objects::nonNull).allMatch(Attention::isOfEachHead);
    List<HalfParts.Applied> applied = linears.stream().map(Linear::applied).toList();
    return plain
        ? Optional.of(
            new HalfParts.OfAttention(
                description, applied, HeadNorm.of(queryNorm), HeadNorm.of(keyNorm), sinks))
        : Optional.empty();
  }

  private static boolean isOfEachHead(NormDescription norm) {
    return norm.kind() == NormDescription.Kind.RMS && norm.gains() == 0;
  }

  /**
   * Computes queries, keys and values by a module each, or by one module whose output is split.
   *
   * @param outs takes queries, keys and values
   * @param gate takes the gates that follow each query head, or null if there are none
   */
  private void project(Tensor input, List<Tensor> outs, Tensor gate) {
    List<Columns> columns = description.projection().columns();
    if (columns.isEmpty()) {
      if (gate == null) {
        inputs.getFirst().apply(input, outs.getFirst());
      } else {
        int size = description.heads().size();
        Tensor both = workspace.take(Place.FUSED, input.rows(), inputs.getFirst().rows());
        inputs.getFirst().apply(input, both);
        operations.gatherColumns(both, 0, size, 2 * size, outs.getFirst());
        operations.gatherColumns(both, size, size, 2 * size, gate);
      }
      for (int at = 1; at < outs.size(); at++) {
        inputs.get(at).apply(input, outs.get(at));
      }
      return;
    }
    Linear all = inputs.getFirst();
    Tensor fused = workspace.take(Place.FUSED, input.rows(), all.rows());
    all.apply(input, fused);
    for (int at = 0; at < outs.size(); at++) {
      Columns own = columns.get(at);
      operations.gatherColumns(fused, own.offset(), own.width(), own.stride(), outs.get(at));
    }
  }

  /**
   * Prepares the heads of queries or keys in place: norms them, bounds their features and rotates
   * them, or norms them last if the description says so.
   */
  private void place(Tensor heads, Norm norm, Span span) {
    boolean last = description.normsLast();
    if (norm != null && !last) {
      norm.applyToHeads(heads);
    }
    bound(heads);
    Rotary rotary = description.rotary();
    if (rotary != null) {
      workspace.rotate(heads, rotary.pairs(), rotary, span);
    }
    if (norm != null && last) {
      norm.applyToHeads(heads);
    }
  }

  private void bound(Tensor heads) {
    float bound = description.bound();
    if (bound > 0) {
      operations.elementwise(new Elementwise.Clamp(-bound, bound), heads, null, heads);
    }
  }

  /**
   * Runs attention. Where a token sees only keys of its own chunk, each chunk runs as a sequence of
   * its own.
   */
  private void attend(Tensor query, Tensor keys, Tensor values, Span span, Tensor out) {
    int length = span.length();
    int chunk = description.scores().chunk();
    if (chunk == 0 || chunk >= length) {
      Tensor keyBias = workspace.table(description.scores().keyBias(), length, length);
      AttentionShape shape = shape(length, span.past());
      operations.attention(
          new AttentionOperands<>(query, keys, values, shape, keyBias, sinks, out));
      return;
    }
    for (int sequence = 0; sequence < query.rows() / span.tokens(); sequence++) {
      for (int from = span.past() / chunk * chunk; from < length; from += chunk) {
        int first = Math.max(span.past(), from);
        int end = Math.min(length, from + chunk);
        int at = sequence * span.tokens() + first - span.past();
        operations.attention(
            new AttentionOperands<>(
                query.rows(at, end - first),
                keys.rows(sequence * length + from, end - from),
                values.rows(sequence * length + from, end - from),
                shape(end - from, first - from),
                null,
                sinks,
                out.rows(at, end - first)));
      }
    }
  }

  private AttentionShape shape(int length, int past) {
    Heads heads = description.heads();
    Scores scores = description.scores();
    return new AttentionShape(
        length,
        past,
        heads.queries(),
        heads.keyValueHeads(),
        heads.size(),
        scores.scale(),
        scores.softcap(),
        scores.window());
  }
}
