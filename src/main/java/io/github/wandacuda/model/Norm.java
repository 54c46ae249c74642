package io.github.wandacuda.model;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;

/** A norm with its gain and bias. */
record Norm(Operations operations, NormDescription description, Tensor gain, Tensor bias) {
  /** Loads a norm, or returns null if there is none. */
  static Norm orNull(DecoderWeights weights, NormDescription description) {
    return description == null
        ? null
        : new Norm(
            weights.operations(),
            description,
            weights.gain(description),
            weights.bias(description));
  }

  /**
   * Norms each row of a matrix.
   *
   * @param output takes the result; may be {@code input}
   */
  void apply(Tensor input, Tensor output) {
    switch (description.kind()) {
      case RMS -> operations.rmsNorm(input, gain, description.epsilon(), output);
      case LAYER, LAYER_WITHOUT_BIAS ->
          operations.layerNorm(input, gain, bias, description.epsilon(), output);
    }
  }

  /**
   * Norms each head of each row in place.
   *
   * @param rows [tokens, heads * size]
   */
  void applyToHeads(Tensor rows) {
    int heads = rows.rows() * (rows.columns() / description.size());
    Tensor split = rows.reshaped(heads, description.size());
    apply(split, split);
  }
}
