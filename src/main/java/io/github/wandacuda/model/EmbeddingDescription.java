package io.github.wandacuda.model;

/**
 * How token ids become hidden states: they are looked up, projected, scaled, given positions and
 * normed, in that order.
 *
 * @param table the tensor's name after the decoder's prefix
 * @param width its columns
 * @param projection [hidden, width], or null where the table is as wide as the hidden states
 * @param scale the factor of the states
 * @param positions the learned positions that are added, or null
 * @param norm the norm of the result, or null
 */
public record EmbeddingDescription(
    String table,
    int width,
    LinearDescription projection,
    float scale,
    Positions positions,
    NormDescription norm) {
  /**
   * Learned positions, which are added to the embeddings.
   *
   * @param table the tensor's name after the decoder's prefix
   * @param offset the row of position 0
   * @param count number of positions
   */
  public record Positions(String table, int offset, int count) {}

  /** Describes an embedding that is a table alone. */
  public static EmbeddingDescription of(String table, int hidden) {
    return new EmbeddingDescription(table, hidden, null, 1, null, null);
  }
}
