package io.github.wandacuda.scalar;

/**
 * A weight in an order that suits some kernels, in memory of its own. Only the kernels that made it
 * read it.
 */
public interface PackedWeight extends AutoCloseable {
  /** Returns the number of features. */
  int rows();

  /** Returns the number of inputs of each feature. */
  int columns();

  /** Frees the memory; no kernel may be using it. */
  @Override
  void close();
}
