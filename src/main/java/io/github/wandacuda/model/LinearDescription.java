package io.github.wandacuda.model;

/**
 * A linear module.
 *
 * @param name of its tensors without {@code .weight} and {@code .bias}, after the decoder's prefix
 * @param rows output features
 * @param columns input features
 * @param bias whether it has one
 * @param transposed whether the weight is stored as [in, out], as a Conv1D is
 */
public record LinearDescription(
    String name, int rows, int columns, boolean bias, boolean transposed) {
  /**
   * Describes one that is stored as [out, in].
   *
   * @param rows outputs
   * @param columns inputs
   * @param bias whether it has one
   */
  public static LinearDescription of(String name, int rows, int columns, boolean bias) {
    return new LinearDescription(name, rows, columns, bias, false);
  }

  /**
   * Describes one that is stored as [in, out], with a bias, as GPT-2 has them.
   *
   * @param rows outputs, the tensor's columns
   * @param columns inputs, the tensor's rows
   */
  public static LinearDescription conv1d(String name, int rows, int columns) {
    return new LinearDescription(name, rows, columns, true, true);
  }
}
