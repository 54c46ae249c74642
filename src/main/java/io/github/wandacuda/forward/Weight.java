package io.github.wandacuda.forward;

/** A weight matrix that a device can read, in its checkpoint's own type. Owned by its backend. */
public interface Weight extends AutoCloseable {
  /** Returns the number of output features, or of entries of an embedding. */
  int rows();

  /** Returns the number of input features, or the width of an embedding. */
  int columns();

  /** Returns whether nothing of the matrix that it was made of is read any more. */
  default boolean ownsMemory() {
    return false;
  }

  /** Frees the device's copy of the matrix, if there is one. */
  @Override
  void close();
}
