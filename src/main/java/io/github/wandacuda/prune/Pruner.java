package io.github.wandacuda.prune;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.system.Workers;
import java.util.Objects;

/**
 * Prunes weight matrices in memory, in place and without a copy, wherever they lie: for programs
 * that hold a model's weights themselves. Masks are the same to the bit as those of {@code
 * wanda-cuda prune}.
 *
 * <pre>{@code
 * try (Backend backend = Backends.open(Backends.AUTO, 0, threads).backend();
 *     Pruner pruner = new Pruner(backend)) {
 *   WeightMatrix weight = WeightMatrix.of(segment, DType.BF16, rows, columns);
 *   long pruned = pruner.wanda(weight, inputNorms, new Sparsity.Ratio(0.5));
 * }
 * }</pre>
 *
 * <p>Calls come from one thread at a time; each uses all of the backend's threads.
 */
public final class Pruner implements AutoCloseable {
  private final Backend backend;
  private final Workers workers;

  /** Prunes on {@code backend}, which stays the caller's to close. */
  public Pruner(Backend backend) {
    this.backend = Objects.requireNonNull(backend);
    this.workers = new Workers(backend.concurrency());
  }

  /**
   * Prunes by Wanda's score, |W| times the norm of the input column (arXiv 2306.11695, section 3):
   * in each row the floor (columns * fraction) lowest scores, or in each group of M consecutive
   * columns the N lowest; of equal scores the lower column goes first. Pruned weights become +0.0,
   * the others keep their bits.
   *
   * @param weight [out_features, in_features], changed in place
   * @param inputNorms the l2 norm of each input feature's activations, one for each column, finite
   *     and not negative, in any unit that all columns share
   * @param sparsity how much goes
   * @return the number of weights that the mask takes out
   * @throws io.github.wandacuda.NonFiniteWeightException if a weight is NaN or infinite; the matrix
   *     may then be partly pruned
   * @throws IllegalArgumentException if the norms don't fit the columns, or the columns don't fall
   *     into groups
   */
  public long wanda(WeightMatrix weight, float[] inputNorms, Sparsity sparsity) {
    return prune(Method.WANDA, weight, Objects.requireNonNull(inputNorms), sparsity);
  }

  /**
   * Prunes by magnitude: every |W| up to the one at index floor(elements * fraction) of the sorted
   * magnitudes of the whole matrix, or the N lowest of each group.
   *
   * @param weight [out_features, in_features], changed in place
   * @param sparsity how much goes
   * @return the number of weights that the mask takes out
   * @throws io.github.wandacuda.NonFiniteWeightException if a weight is NaN or infinite
   * @throws IllegalArgumentException if the columns don't fall into groups
   */
  public long magnitude(WeightMatrix weight, Sparsity sparsity) {
    return prune(Method.MAGNITUDE, weight, null, sparsity);
  }

  private long prune(Method method, WeightMatrix weight, float[] norms, Sparsity sparsity) {
    PruningRules rules = new PruningRules(method, sparsity);
    return new MatrixPruner(backend.selector(), workers, rules, new PhaseClock(workers.count()))
        .prune(
            new MatrixTiles(weight, RowTiles.of(weight, backend.tileBytes(), workers.count())),
            norms);
  }

  @Override
  public void close() {
    workers.close();
  }
}
