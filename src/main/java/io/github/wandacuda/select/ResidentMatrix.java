package io.github.wandacuda.select;

/**
 * A matrix that a backend keeps in its device's memory and finds there. It ends with what it is a
 * view of.
 */
public interface ResidentMatrix {
  /** Returns the number of rows. */
  int rows();

  /** Returns the number of columns. */
  int columns();
}
