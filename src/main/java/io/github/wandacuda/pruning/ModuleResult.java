package io.github.wandacuda.pruning;

import io.github.wandacuda.model.LinearModule;

/**
 * What became of a module.
 *
 * @param module which
 * @param pruned weights that the mask takes out
 * @param zeros weights of the result that are zero
 * @param zeroRows rows of the result that hold nothing but zeros
 * @param norms the norm of each input column that was used, or null
 * @param errors how far its outputs are off, or null where that wasn't measured
 */
@SuppressWarnings("ArrayRecordComponent") // Handed on as it is, never compared.
public record ModuleResult(
    LinearModule module,
    long pruned,
    long zeros,
    int zeroRows,
    float[] norms,
    OutputErrors errors) {

  /** Returns it with norms. */
  public ModuleResult with(float[] others) {
    return new ModuleResult(module, pruned, zeros, zeroRows, others, errors);
  }

  /** Returns the share of zeros. */
  public double sparsity() {
    return module.elements() == 0 ? 0 : (double) zeros / module.elements();
  }

  /** Returns the input columns whose norm is 0, so that no sample tells their weights apart. */
  public int deadColumns() {
    int dead = 0;
    for (int column = 0; norms != null && column < norms.length; column++) {
      dead += norms[column] == 0 ? 1 : 0;
    }
    return dead;
  }
}
