package io.github.wandacuda.model;

/**
 * How the last hidden states become logits.
 *
 * @param norm the last norm, or null
 * @param projection [the embedding's width, hidden], or null
 * @param weight the output matrix's full name; if the checkpoint lacks it, the embedding is used
 * @param softcap the bound of the logits, or 0 for none
 */
public record HeadDescription(
    NormDescription norm, LinearDescription projection, String weight, float softcap) {

  /** Describes a norm and an output matrix. */
  public static HeadDescription of(NormDescription norm, String weight) {
    return new HeadDescription(norm, null, weight, 0);
  }
}
