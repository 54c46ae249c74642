package io.github.wandacuda;

import java.lang.foreign.MemorySegment;

/** A linear layer's weight, whose rows are read as float32: [output features, input features]. */
public sealed interface RowReader permits WeightMatrix, QuantizedMatrix {
  /** {@return the memory that holds the weights, or their codes} */
  MemorySegment data();

  /** {@return output features} */
  int rows();

  /** {@return input features} */
  int columns();

  /**
   * {@return element (row, column) as float32} Meant for errors and tests, not for loops.
   *
   * @param row its row, from 0
   * @param column its column, from 0
   */
  float get(int row, int column);

  /**
   * Reads a part of a row as float32, exactly or, of a quantized weight, rounded once.
   *
   * @param row its row, from 0
   * @param column the first element's column, from 0
   * @param count how many elements, all of them in the row
   * @param to receives the numbers
   * @param offset where in it the first goes
   */
  void read(int row, int column, int count, float[] to, int offset);
}
