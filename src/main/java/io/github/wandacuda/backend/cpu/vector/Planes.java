package io.github.wandacuda.backend.cpu.vector;

import io.github.wandacuda.backend.cpu.SelectKernels;
import io.github.wandacuda.tensor.DType;

/**
 * Where a row's columns lie in an array of keys. Words of 16-bit elements hold an even and an odd
 * column each, which a shift and a mask tell apart without moving anything across lanes, so the
 * keys of the even columns come first and those of the odd ones in a second plane. F32 rows have
 * one plane.
 *
 * @param columns elements in a row
 * @param count planes, 1 or 2; column c is in plane {@code c % count}
 * @param stride keys from one plane to the next, a multiple of every vector length
 */
record Planes(int columns, int count, int stride) {
  /** Returns the planes of a row. */
  static Planes of(DType dtype, int columns) {
    int count = dtype == DType.F32 ? 1 : 2;
    int words = Math.ceilDiv(columns, count);
    int padding = SelectKernels.PADDING;
    return new Planes(columns, count, Math.ceilDiv(words, padding) * padding);
  }

  /** Returns the keys of all planes, padding included. */
  int length() {
    return count * stride;
  }

  /** Returns the number of columns in a plane. */
  int filled(int plane) {
    return (columns + count - 1 - plane) / count;
  }

  /** Returns where a column's key is. */
  int at(int column) {
    int odd = count - 1;
    return (column & odd) * stride + (column >>> odd);
  }
}
