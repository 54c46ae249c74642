package io.github.wandacuda.scalar;

/** A weight that kernels keep in an order of their own, in memory of their own. */
public interface PackedWeight extends AutoCloseable {
  /** Returns the number of output features. */
  int rows();

  /** Returns the number of input features. */
  int columns();

  /** Frees the memory. */
  @Override
  void close();
}
