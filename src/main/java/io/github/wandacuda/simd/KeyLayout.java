package io.github.wandacuda.simd;

import io.github.wandacuda.DType;
import io.github.wandacuda.scalar.CpuSelectKernels;

/**
 * Where a row's columns lie in an array of 32-bit keys or of norms. A word of 16-bit elements holds
 * an even and an odd column, which {@link Scores} separates by a shift and a mask. So the even
 * columns come first and the odd ones in a second plane. Rows of F32 have one plane.
 *
 * @param columns elements in a row
 * @param count planes, 1 or 2; column c is in plane {@code c % count}
 * @param stride keys from one plane to the next, a multiple of every vector length
 */
public record KeyLayout(int columns, int count, int stride) {
  /** Returns the planes of a row. */
  public static KeyLayout of(DType dtype, int columns) {
    int count = dtype == DType.F32 ? 1 : 2;
    return new KeyLayout(columns, count, CpuSelectKernels.padded(columns) / count);
  }

  /** Returns how many keys all planes have, padding included. */
  public int length() {
    return count * stride;
  }

  /** Returns the number of columns in a plane. */
  public int filled(int plane) {
    return (columns + count - 1 - plane) / count;
  }

  /** Returns the index of a column's key or norm. */
  public int at(int column) {
    int odd = count - 1;
    return (column & odd) * stride + (column >>> odd);
  }

  /**
   * Returns the index of a column's key in an array of 16-bit keys. For elements of 16 bits it is
   * the column itself. For F32, two vectors of keys are packed into one, whose even lanes are those
   * of the first and whose odd lanes those of the second; so each run of 32-bit lanes is
   * interleaved with the next.
   */
  int highAt(int column) {
    if (count == 2) {
      return column;
    }
    int inPair = column % (2 * Lanes.COUNT);
    return column - inPair + inPair % Lanes.COUNT * 2 + inPair / Lanes.COUNT;
  }

  /**
   * Returns values in this order; those of padding are 0.
   *
   * @param values one for each column
   */
  public float[] arranged(float[] values) {
    float[] arranged = new float[length()];
    for (int c = 0; c < values.length; c++) {
      arranged[at(c)] = values[c];
    }
    return arranged;
  }
}
