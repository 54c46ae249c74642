package io.github.wandacuda.model;

/**
 * How the last hidden states become logits.
 *
 * @param norm the last norm, or null
 * @param projection [the embedding's width, hidden], or null
 * @param weight the output matrix's full name; if the checkpoint lacks it, the embedding is used
 * @param bias the full name of the output matrix's bias, or null for none
 * @param scale the factor of the logits
 * @param softcap the bound of the scaled logits, or 0 for none
 */
public record HeadDescription(
    NormDescription norm,
    LinearDescription projection,
    String weight,
    String bias,
    float scale,
    float softcap) {
  /** Describes a norm and an output matrix, without a bias, a scale or a bound. */
  public static HeadDescription of(NormDescription norm, String weight) {
    return new HeadDescription(norm, null, weight, null, 1, 0);
  }
}
