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
   * Returns {@code count} rows from row {@code from}, sharing memory with this one; closing it does
   * nothing.
   */
  Tensor rows(int from, int count);

  /**
   * Returns the elements in their order as rows of another length, sharing memory with this one;
   * closing it does nothing.
   *
   * @param rows with {@code columns}, as many elements as there are
   */
  Tensor reshaped(int rows, int columns);

  /** Returns whether an element of this tensor is an element of {@code other} too. */
  boolean overlaps(Tensor other);

  /** Gives the memory back. */
  @Override
  void close();
}
