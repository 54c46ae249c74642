package io.github.wandacuda.simd;

import io.github.wandacuda.DType;
import io.github.wandacuda.scalar.CpuSelectKernels;

/**
 * Where a row's columns lie in an array of 16-bit keys. For 16-bit elements in their own order. Two
 * vectors of F32 keys give one of 16-bit keys, whose even lanes are the first one's and whose odd
 * lanes the second one's, so there each run of 32-bit lanes is shuffled with the next.
 *
 * @param dtype the elements' type
 * @param columns elements in a row
 */
public record HighKeyLayout(DType dtype, int columns) {
  private static final int RUN = Lanes.COUNT;

  /** Returns the number of keys, padding included. */
  public int length() {
    return CpuSelectKernels.padded(columns);
  }

  /** Returns where a column's key is. */
  int at(int column) {
    if (dtype != DType.F32) {
      return column;
    }
    int pair = column / (2 * RUN) * (2 * RUN);
    int inPair = column - pair;
    return pair + inPair % RUN * 2 + inPair / RUN;
  }
}
