package io.github.wandacuda.model;

/**
 * A norm over the last dimension.
 *
 * @param kind RMSNorm or LayerNorm
 * @param name of its tensors without {@code .weight} and {@code .bias}, after the decoder's prefix
 * @param epsilon what is added to the mean square or the variance
 * @param affine whether it has a gain and, if it is a LayerNorm, a bias
 * @param gainOffset what is added to the stored gain: 1 where zeros mean no change
 * @param gains how many gains there are, which rows take in turn, where each head has its own; 0
 *     where all rows have the same
 */
public record NormDescription(
    Kind kind, String name, int size, float epsilon, boolean affine, float gainOffset, int gains) {
  /** Describes one with the same gain for all rows. */
  public NormDescription(
      Kind kind, String name, int size, float epsilon, boolean affine, float gainOffset) {
    this(kind, name, size, epsilon, affine, gainOffset, 0);
  }

  public enum Kind {
    /** By its root mean square (Zhang and Sennrich, arXiv 1910.07467). */
    RMS,
    /** By its mean and its standard deviation (Ba et al., arXiv 1607.06450). */
    LAYER,
    /** Likewise, without a bias. */
    LAYER_WITHOUT_BIAS
  }
}
