package io.github.wandacuda.pruning;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.layerwise.Gram;
import io.github.wandacuda.layerwise.GramFactor;
import io.github.wandacuda.layerwise.SquareGram;
import io.github.wandacuda.system.WorkerPool;
import java.util.Optional;

/**
 * What modules with the same inputs share: their Gram matrix as it is multiplied with, and its
 * factor. Both are made when first needed.
 */
final class GramInUse implements AutoCloseable {
  private final Gram gram;
  private final Operations operations;
  private final WorkerPool workers;
  private SquareGram square;
  private Optional<GramFactor> factor;

  GramInUse(Gram gram, Operations operations, WorkerPool workers) {
    this.gram = gram;
    this.operations = operations;
    this.workers = workers;
  }

  /** Returns whether this is of the inputs with these second moments. */
  boolean isOf(Gram other) {
    return gram.triangle().equals(other.triangle());
  }

  SquareGram square() {
    if (square == null) {
      square = new SquareGram(operations, workers, gram);
    }
    return square;
  }

  /** Returns the factor, or nothing if there is none however much it is dampened. */
  Optional<GramFactor> factor() {
    if (factor == null) {
      factor = GramFactor.of(gram, workers);
    }
    return factor;
  }

  @Override
  public void close() {
    if (square != null) {
      square.close();
    }
  }
}
