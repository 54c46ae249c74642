package io.github.wandacuda.model.description;

/**
 * How the last hidden states become logits.
 *
 * @param norm what comes first, or null
 * @param projection [the embedding's width, hidden], or null
 * @param weight the output matrix's full name; where the checkpoint lacks it, the embedding serves
 * @param softcap what bounds the logits, or 0
 */
public record HeadDescription(
    NormDescription norm, LinearDescription projection, String weight, float softcap) {

  /** Describes a norm and an output matrix. */
  public static HeadDescription of(NormDescription norm, String weight) {
    return new HeadDescription(norm, null, weight, 0);
  }
}
