package io.github.wandacuda.model;

import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.ColumnGroups;
import io.github.wandacuda.forward.RotaryPairs;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.BlockDescription.LatentDescription;
import io.github.wandacuda.model.Workspace.Place;
import java.util.List;

/**
 * Latent attention as {@link LatentDescription} says, with its weights loaded. It runs as other
 * attention does, on heads in which the narrower one of key and value is filled up with zeros. A
 * cache keeps the latents, from which the keys and values of earlier tokens are computed again.
 */
final class LatentAttention extends Branch {
  private final LatentDescription description;
  private final List<Linear> queries;
  private final Norm queryNorm;
  private final Linear compress;
  private final Norm latentNorm;
  private final Linear expand;

  LatentAttention(DecoderWeights weights, LatentDescription description) {
    super(weights, description.linears());
    this.description = description;
    int count = description.queries().size();
    queries = linears.subList(0, count);
    queryNorm = Norm.orNull(weights, description.queryNorm());
    compress = linears.get(count);
    latentNorm = Norm.orNull(weights, description.latentNorm());
    expand = linears.get(count + 1);
  }

  @Override
  void run(Tensor input, Span span, InputObserver observer, Tensor out) {
    observer.input(List.of(queries.getFirst().module(), compress.module()), input);
    Tensor query = query(input, span, observer);
    KeyValueCache.BlockCache cache = span.cache();
    int rank = expand.columns();
    int rotated = description.rotated();
    Tensor latent =
        cache == null
            ? workspace.take(Place.LATENT, input.rows(), rank)
            : span.added(cache.first());
    Tensor shared =
        cache == null
            ? workspace.take(Place.SHARED_KEY, input.rows(), rotated)
            : span.added(cache.second());
    Tensor both = workspace.take(Place.FUSED, input.rows(), compress.rows());
    compress.apply(input, both);
    operations.gatherColumns(both, 0, rank, 0, latent);
    operations.gatherColumns(both, rank, rotated, 0, shared);
    latentNorm.apply(latent, latent);
    workspace.rotate(shared, description.rotary().pairs(), description.rotary(), span);
    observer.input(List.of(expand.module()), latent);
    Tensor attended =
        cache == null
            ? attend(query, latent, shared, span)
            : attend(query, span.all(cache.first()), span.all(cache.second()), span);
    end(attended, observer, out);
  }

  private Tensor query(Tensor input, Span span, InputObserver observer) {
    Tensor from = input;
    if (queries.size() > 1) {
      from = workspace.take(Place.LATENT, input.rows(), queries.getFirst().rows());
      queries.getFirst().apply(input, from);
      queryNorm.apply(from, from);
      observer.input(List.of(queries.getLast().module()), from);
    }
    int size = description.plain() + description.rotated();
    Tensor query = heads(Place.QUERY, input.rows(), size);
    if (size == description.size()) {
      queries.getLast().apply(from, query);
    } else {
      Tensor wide = workspace.take(Place.WIDE, input.rows(), queries.getLast().rows());
      queries.getLast().apply(from, wide);
      place(wide, 0, size, size, 0, query);
    }
    Rotary rotary = description.rotary();
    RotaryPairs pairs =
        new RotaryPairs(description.size(), description.plain(), rotary.pairs().interleaved());
    workspace.rotate(query, pairs, rotary, span);
    return query;
  }

  private Tensor attend(Tensor query, Tensor latents, Tensor shared, Span span) {
    int heads = description.heads();
    int plain = description.plain();
    int valueSize = description.valueSize();
    Tensor wide = workspace.take(Place.WIDE, latents.rows(), expand.rows());
    expand.apply(latents, wide);
    Tensor key = heads(Place.KEY, latents.rows(), plain + description.rotated());
    place(wide, 0, plain, plain + valueSize, 0, key);
    place(shared, 0, description.rotated(), 0, plain, key);
    Tensor value = heads(Place.VALUE, latents.rows(), valueSize);
    place(wide, plain, valueSize, plain + valueSize, 0, value);
    int size = description.size();
    Tensor attended = workspace.take(Place.ATTENDED, query.rows(), description.queryWidth());
    AttentionShape shape =
        new AttentionShape(
            span.length(), span.past(), heads, heads, size, description.scale(), 0, 0);
    operations.attention(query, key, value, shape, null, attended);
    if (valueSize == size) {
      return attended;
    }
    Tensor narrow = workspace.take(Place.WIDE, query.rows(), linears.getLast().columns());
    operations.gatherColumns(attended, 0, valueSize, size, narrow);
    return narrow;
  }

  /**
   * Returns memory for all heads; set to zero if they are wider than the features that will be
   * copied.
   *
   * @param size the features of a head that will be copied
   */
  private Tensor heads(Place place, int tokens, int size) {
    Tensor heads = workspace.take(place, tokens, description.queryWidth());
    if (size < description.size()) {
      operations.clear(heads);
    }
    return heads;
  }

  /**
   * Copies some features of each head to its place among all heads.
   *
   * @param from the first feature in a row of the source
   * @param width how many features
   * @param stride features of the source from one head to the next; 0 copies the same ones to all
   *     heads
   * @param to the first feature's place within a head
   */
  private void place(Tensor source, int from, int width, int stride, int to, Tensor heads) {
    operations.gatherColumns(
        source,
        new ColumnGroups(description.heads(), width, from, stride, to, description.size()),
        heads);
  }
}
