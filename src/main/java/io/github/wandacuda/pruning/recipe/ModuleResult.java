package io.github.wandacuda.pruning.recipe;

import io.github.wandacuda.model.LinearModule;
import java.io.Serializable;
import java.util.OptionalDouble;

/**
 * What became of a module.
 *
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
  /** Returns the share of zeros, from 0 to 1. */
  public double sparsity() {
    return module.elements() == 0 ? 0 : (double) zeros / module.elements();
  }

  /** Returns the same without errors, which aren't those of weights that have changed since. */
  public ModuleResult withoutErrors() {
    return new ModuleResult(module, pruned, zeros, zeroRows, norms, null);
  }

  /**
   * Returns how many input columns have a norm of 0, so that no sample tells their weights apart.
   */
  public int deadColumns() {
    int dead = 0;
    for (int column = 0; norms != null && column < norms.length; column++) {
      dead += norms[column] == 0 ? 1 : 0;
    }
    return dead;
  }

  /**
   * How far a module's outputs are off over the calibration tokens: {@code ||(W - V) X||^2} with
   * weights W, pruned weights V and inputs X, divided by the number of samples.
   *
   * @param output {@code ||W X||^2}, divided likewise
   * @param chosen the error after the mask was chosen, with weights as the method left them
   * @param refined after the mask was improved; the same as before it if it wasn't
   * @param result of what is written, in the module's type
   */
  public record OutputErrors(double output, double chosen, double refined, double result)
      implements Serializable {
    /**
     * Returns an error as a part of the output; 0 too where the rounding of float32 has made it
     * less than 0.
     *
     * @param error one of this record's
     */
    public double relative(double error) {
      return error <= 0 ? 0 : error / output;
    }

    /**
     * Returns the error of the result as a part of the output, or nothing if float32 overflowed.
     */
    public OptionalDouble relative() {
      double relative = relative(result);
      return Double.isFinite(relative) ? OptionalDouble.of(relative) : OptionalDouble.empty();
    }
  }
}
