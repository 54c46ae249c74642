package io.github.wandacuda.pruning;

import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.MemorySegment;

/**
 * Chooses which weights of a matrix are kept; the weights themselves stay as they are. The choice
 * is the same to the bit on every backend and for any number of threads. A chooser serves one call
 * at a time.
 */
interface MaskChooser {
  /**
   * Chooses a mask.
   *
   * @param weights the matrix, [rows, columns]
   * @param norms the norm of each input column, finite and not negative, one for each; or null,
   *     which counts as ones
   * @param sparsity how much is pruned
   * @param mask where the packed mask goes, rows * ceil(columns / 8) bytes: one bit a column, 0 =
   *     pruned, 1 = kept, least significant bit first, each row padded with 0
   * @throws NonFiniteWeightException if a weight is NaN or infinite, by its place in the matrix
   * @throws IllegalArgumentException if norms, sparsity or the mask's memory don't fit the matrix
   */
  void choose(WeightMatrix weights, float[] norms, Sparsity sparsity, MemorySegment mask);
}
