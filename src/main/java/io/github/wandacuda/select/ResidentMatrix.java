package io.github.wandacuda.select;

/**
 * A matrix in a device's memory that belongs to a backend, which finds its place there. It is valid
 * for as long as what it is a view of, such as a block's weights.
 */
public interface ResidentMatrix {
  /** Returns the number of rows. */
  int rows();

  /** Returns the number of columns. */
  int columns();
}
