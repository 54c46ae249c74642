package io.github.wandacuda.model;

/**
 * A linear module.
 *
 * @param name of its tensors without {@code .weight} and {@code .bias}, after the decoder's prefix
 */
public record LinearDescription(
    String name, int rows, int columns, boolean bias, boolean transposed) {
  /** Describes one that is stored as [out, in]. */
  public static LinearDescription of(String name, int rows, int columns, boolean bias) {
    return new LinearDescription(name, rows, columns, bias, false);
  }

  /** Describes one that is stored as [in, out], with a bias. */
  public static LinearDescription conv1d(String name, int rows, int columns) {
    return new LinearDescription(name, rows, columns, true, true);
  }
}
