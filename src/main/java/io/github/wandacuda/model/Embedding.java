package io.github.wandacuda.model;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.model.Workspace.Place;
import java.lang.foreign.Arena;
import java.util.stream.IntStream;

/**
 * An embedding as an {@link EmbeddingDescription} says; of its tables only the rows that are asked
 * for are loaded.
 */
final class Embedding implements AutoCloseable {
  private final DecoderWeights weights;
  private final Operations operations;
  private final Workspace workspace;
  private final EmbeddingDescription description;
  private final int vocabulary;
  private final Arena arena = Arena.ofShared();
  private final Linear projection;
  private final Norm norm;

  Embedding(
      DecoderWeights weights,
      Workspace workspace,
      EmbeddingDescription description,
      int vocabulary) {
    this.weights = weights;
    operations = weights.operations();
    this.workspace = workspace;
    this.description = description;
    this.vocabulary = vocabulary;
    projection =
        description.projection() == null
            ? null
            : new Linear(weights, description.projection(), arena);
    norm = Norm.orNull(weights, description.norm());
  }

  /**
   * Embeds tokens.
   *
   * @param span of which sequences they are
   * @throws InputException if a sequence is longer than there are positions
   */
  void embed(int[] tokens, Span span, Tensor hidden) {
    if (projection == null) {
      lookUp(tokens, hidden);
    } else {
      Tensor narrow = workspace.take(Place.NARROW, tokens.length, description.width());
      lookUp(tokens, narrow);
      projection.apply(narrow, hidden);
    }
    if (description.scale() != 1) {
      operations.elementwise(new Elementwise.Scale(description.scale()), hidden, null, hidden);
    }
    if (description.positions() != null) {
      addPositions(description.positions(), span, hidden);
    }
    if (norm != null) {
      norm.apply(hidden, hidden);
    }
  }

  private void lookUp(int[] tokens, Tensor out) {
    int width = description.width();
    try (Arena rows = Arena.ofShared();
        Weight table =
            operations.weight(
                weights.tensors().rows(description.table(), vocabulary, width, tokens, rows))) {
      operations.embed(table, IntStream.range(0, tokens.length).toArray(), out);
    }
  }

  private void addPositions(EmbeddingDescription.Positions positions, Span span, Tensor hidden) {
    if (span.length() > positions.count()) {
      throw ErrorDetails.of("the positions' embeddings")
          .tensor(weights.tensors().fullName(positions.table()))
          .hint("take a smaller `sequence-length`, or shorter lists of token ids")
          .wrong(
              "at most %d tokens, one a position".formatted(positions.count()),
              "a sequence of %d".formatted(span.length()));
    }
    Tensor added = workspace.take(Place.POSITIONS, hidden.rows(), hidden.columns());
    int[] rows =
        IntStream.range(span.past(), span.length()).map(row -> positions.offset() + row).toArray();
    int height = positions.offset() + positions.count();
    try (Arena copy = Arena.ofShared()) {
      WeightMatrix some =
          weights.tensors().rows(positions.table(), height, hidden.columns(), rows, copy);
      try (Weight table = operations.weight(some)) {
        int[] places =
            IntStream.range(0, hidden.rows()).map(token -> token % span.tokens()).toArray();
        operations.embed(table, places, added);
      }
    }
    operations.elementwise(new Elementwise.Add(), hidden, added, hidden);
  }

  @Override
  public void close() {
    if (projection != null) {
      projection.close();
    }
    Norm.close(norm);
    arena.close();
  }
}
