package io.github.wandacuda.scalar;

/** A weight that kernels keep in an order of their own, in memory of their own. */
public interface PackedWeight extends AutoCloseable {
  int rows();

  int columns();

  @Override
  void close();
}
