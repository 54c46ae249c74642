package io.github.wandacuda.select;

/**
 * A matrix that a backend keeps in its device's memory and finds there. It ends with what it is a
 * view of.
 */
public interface ResidentMatrix {
  int rows();

  int columns();
}
