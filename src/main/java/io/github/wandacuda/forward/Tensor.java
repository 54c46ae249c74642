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
   * Returns a view of {@code count} rows from row {@code from}, which shares this tensor's memory;
   * closing the view does nothing.
   */
  Tensor rows(int from, int count);

  /**
   * Returns a view of the elements in their order as rows of another length, which shares this
   * tensor's memory; closing the view does nothing.
   *
   * @param rows {@code rows * columns} must be the number of elements
   */
  Tensor reshaped(int rows, int columns);

  /** Returns whether an element of this tensor is an element of {@code other} too. */
  boolean overlaps(Tensor other);

  @Override
  void close();
}
