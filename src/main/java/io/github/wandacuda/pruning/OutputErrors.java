package io.github.wandacuda.pruning;

import java.io.Serializable;
import java.util.OptionalDouble;

/**
 * How far a module's outputs are off over the calibration tokens: {@code ||(W - V) X||^2} with
 * weights W, pruned weights V and inputs X, divided by the number of samples.
 *
 * @param output {@code ||W X||^2}, divided likewise
 * @param chosen the error after the mask was chosen, with weights as the method left them
 * @param refined after the mask was improved; the same as before it if it wasn't
 * @param result of what was written, before it was rounded to the module's type
 */
public record OutputErrors(double output, double chosen, double refined, double result)
    implements Serializable {

  /** Returns an error as a part of the output, 0 if there is none. */
  public double relative(double error) {
    return error == 0 ? 0 : error / output;
  }

  /** Returns the error of the result as a part of the output, or nothing if float32 overflowed. */
  public OptionalDouble relative() {
    double relative = relative(result);
    return Double.isFinite(relative) ? OptionalDouble.of(relative) : OptionalDouble.empty();
  }
}
