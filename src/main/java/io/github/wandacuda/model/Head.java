package io.github.wandacuda.model;

import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import java.lang.foreign.Arena;

/**
 * A decoder's head as a {@link HeadDescription} says, with its weights loaded and memory for {@link
 * #ROWS} rows of logits.
 */
final class Head implements AutoCloseable {
  /**
   * Rows of logits at a time. A row is as wide as the vocabulary, so those of a whole sequence
   * would take gigabytes.
   */
  static final int ROWS = 128;

  private final Operations operations;
  private final HeadDescription description;
  private final Arena arena = Arena.ofShared();
  private final Norm norm;
  private final Linear projection;
  private final Weight weight;
  private final Tensor normed;
  private final Tensor projected;
  private final Tensor logits;

  Head(DecoderWeights weights, DecoderDescription decoder) {
    operations = weights.operations();
    description = decoder.head();
    int hidden = decoder.shape().hiddenSize();
    int vocabulary = decoder.shape().vocabulary();
    boolean own = weights.tensors().has(description.weight());
    String name =
        own ? description.weight() : weights.tensors().fullName(decoder.embedding().table());
    norm = Norm.orNull(weights, description.norm());
    projection =
        description.projection() == null
            ? null
            : new Linear(weights, description.projection(), arena);
    int width = projection == null ? hidden : projection.rows();
    weight = weights.matrix(name, vocabulary, width, arena);
    normed = operations.tensor(ROWS, hidden);
    projected = projection == null ? null : operations.tensor(ROWS, width);
    logits = operations.tensor(ROWS, vocabulary);
  }

  /** Returns the logits of at most {@link #ROWS} hidden states, valid until the next call. */
  Tensor logits(Tensor hidden) {
    Tensor states = hidden;
    if (norm != null) {
      states = normed.rows(0, hidden.rows());
      norm.apply(hidden, states);
    }
    if (projection != null) {
      Tensor narrow = projected.rows(0, hidden.rows());
      projection.apply(states, narrow);
      states = narrow;
    }
    Tensor scores = logits.rows(0, hidden.rows());
    operations.linear(states, weight, null, scores);
    if (description.softcap() > 0) {
      operations.elementwise(new Elementwise.Softcap(description.softcap()), scores, null, scores);
    }
    return scores;
  }

  @Override
  public void close() {
    Norm.close(norm);
    if (projection != null) {
      projection.close();
      projected.close();
    }
    weight.close();
    normed.close();
    logits.close();
    arena.close();
  }
}
