package io.github.wandacuda.forward;

/**
 * A row-major float32 matrix in a device's memory: activations, a norm's gain, a bias. Owned by its
 * backend.
 */
public interface Tensor extends AutoCloseable {
  /** Returns the number of rows, tokens in most cases. */
  int rows();

  /** Returns the number of columns, features in most cases. */
  int columns();

  /**
   * Returns a view of some rows, which shares this tensor's memory; closing the view does nothing.
   *
   * @param from the first row
   * @param count how many, 0 or more
   * @throws IndexOutOfBoundsException if there aren't as many
   */
  Tensor rows(int from, int count);

  /**
   * Returns a view of the elements in their order as rows of another length, which shares this
   * tensor's memory; closing the view does nothing.
   *
   * @param rows {@code rows * columns} must be the number of elements
   * @throws IllegalArgumentException if it isn't
   */
  Tensor reshaped(int rows, int columns);

  /** Returns whether an element of this tensor is an element of {@code other} too. */
  boolean overlaps(Tensor other);

  /** Frees the memory; views of it are no longer valid. */
  @Override
  void close();
}
