package io.github.wandacuda.model.description;

/**
 * How token ids become hidden states: looked up, projected, scaled, given positions, normed, in
 * that order.
 *
 * @param table the tensor's name after the decoder's prefix
 * @param width its columns
 * @param projection [hidden, width], or null where the table is as wide as the hidden states
 * @param scale what the states are multiplied by
 * @param positions what is added, or null
 * @param norm what comes last, or null
 */
public record EmbeddingDescription(
    String table,
    int width,
    LinearDescription projection,
    float scale,
    Positions positions,
    NormDescription norm) {

  /**
   * Learned positions.
   *
   * @param table the tensor's name after the decoder's prefix
   * @param offset the row of position 0
   * @param count rows from there on
   */
  public record Positions(String table, int offset, int count) {}

  /** Describes a table alone. */
  public static EmbeddingDescription of(String table, int hidden) {
    return new EmbeddingDescription(table, hidden, null, 1, null, null);
  }
}
