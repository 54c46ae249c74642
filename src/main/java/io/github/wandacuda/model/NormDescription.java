package io.github.wandacuda.model;

/**
 * A norm over the last dimension of a matrix.
 *
 * @param kind RMSNorm or LayerNorm
 * @param name of its tensors without {@code .weight} and {@code .bias}, after the decoder's prefix
 * @param size number of features
 * @param epsilon what is added to the mean square or the variance
 * @param affine whether it has a gain and, if it is a LayerNorm, a bias
 * @param gainOffset what is added to the stored gain: 1 where zeros mean no change
 * @param gains how many gains there are where each head has its own: row i of the matrix takes gain
 *     {@code i % gains}; 0 where all rows have the same
 */
public record NormDescription(
    Kind kind, String name, int size, float epsilon, boolean affine, float gainOffset, int gains) {
  /** Describes a norm with the same gain for all rows. */
  public NormDescription(
      Kind kind, String name, int size, float epsilon, boolean affine, float gainOffset) {
    this(kind, name, size, epsilon, affine, gainOffset, 0);
  }

  /** By what a row is divided, and whether its mean is subtracted. */
  public enum Kind {
    /** Divides by the root mean square (Zhang and Sennrich, arXiv 1910.07467). */
    RMS,
    /**
     * Subtracts the mean and divides by the standard deviation, then adds a bias (Ba et al., arXiv
     * 1607.06450).
     */
    LAYER,
    /** As {@link #LAYER}, without a bias. */
    LAYER_WITHOUT_BIAS
  }
}
