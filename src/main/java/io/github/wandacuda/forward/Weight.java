package io.github.wandacuda.forward;

/** A weight matrix that a device can read, in its checkpoint's own type. Owned by its backend. */
public interface Weight extends AutoCloseable {
  /** Returns the number of output features, or of entries of an embedding. */
  int rows();

  /** Returns the number of input features, or the width of an embedding. */
  int columns();

  /**
   * Returns whether the weight has a copy of its own, so that the matrix that it was made of may be
   * freed.
   */
  default boolean ownsMemory() {
    return false;
  }

  /** Frees the device's copy of the matrix, if there is one. */
  @Override
  void close();
}
