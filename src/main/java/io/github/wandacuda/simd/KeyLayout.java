package io.github.wandacuda.simd;

import io.github.wandacuda.DType;
import io.github.wandacuda.scalar.CpuSelectKernels;

/**
 * Where a row's columns lie in an array of 32-bit keys or of norms. Words of 16-bit elements hold
 * an even and an odd column each, which {@link Scores} tells apart, so the even columns come first
 * and the odd ones in a second plane. F32 rows have one plane.
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

  /** Returns the keys of all planes, padding included. */
  public int length() {
    return count * stride;
  }

  /** Returns the number of columns in a plane. */
  public int filled(int plane) {
    return (columns + count - 1 - plane) / count;
  }

  public int at(int column) {
    int odd = count - 1;
    return (column & odd) * stride + (column >>> odd);
  }

  /**
   * Returns where a column's key is in an array of 16-bit keys: in the columns' own order if
   * elements have 16 bits. Two vectors of F32 keys give one of 16-bit keys, whose even lanes are
   * the first one's and whose odd lanes the second one's, so there each run of 32-bit lanes is
   * shuffled with the next.
   */
  int highAt(int column) {
    if (count == 2) {
      return column;
    }
    int inPair = column % (2 * Lanes.COUNT);
    return column - inPair + inPair % Lanes.COUNT * 2 + inPair / Lanes.COUNT;
  }

  /** Returns what belongs to the columns, one after the other, in this order; padding gets 0. */
  public float[] arranged(float[] values) {
    float[] arranged = new float[length()];
    for (int c = 0; c < values.length; c++) {
      arranged[at(c)] = values[c];
    }
    return arranged;
  }
}
