package io.github.wandacuda.forward.simd.sparse;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseKernels;
import io.github.wandacuda.SparseMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * What a thread needs beside its arguments, kept from call to call: the activations in the order in
 * which weights of 16 bits leave an expanded vector, columns 0, 2, 4 and so on in the lower halves
 * of its ints and 1, 3, 5 in the upper ones; bits of rows as ints; sums of lanes. A step is {@link
 * SparseKernels#CHAINS} columns; the last one is filled up with zeros.
 */
final class SparseBuffers {
  /** Floats of half a step. */
  static final int HALF = SparseKernels.CHAINS / 2;

  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** The even columns of each row of activations, or all in order for weights of float32. */
  float[] first = {};

  /** The odd columns. */
  float[] second = {};

  /** Bits of some rows of weights, {@link #steps} ints each. */
  int[] bits = {};

  /** Chains, a step for each pair of a row of weights and one of activations. */
  final float[] chains = new float[SparseMatrix.MOST_ROWS * SparseKernels.CHAINS];

  /** Steps of a row. */
  int steps;

  private int rowFloats;

  /** Takes activations. */
  void load(SparseMatrix matrix, float[] x, int xOffset, int count, int rows) {
    int columns = matrix.columns();
    steps = Math.ceilDiv(columns, SparseKernels.CHAINS);
    boolean inOrder = matrix.dtype() == DType.F32;
    int floats = steps * (inOrder ? SparseKernels.CHAINS : HALF);
    rowFloats = floats;
    reserve(rows * floats);
    for (int t = 0; t < count; t++) {
      if (inOrder) {
        inOrder(x, xOffset + t * columns, columns, t * floats);
      } else {
        alternate(x, xOffset + t * columns, columns, t * floats);
      }
    }
    Arrays.fill(first, count * floats, rows * floats, 0f);
    Arrays.fill(second, count * floats, rows * floats, 0f);
  }

  private void reserve(int floats) {
    if (first.length < floats) {
      first = new float[floats];
      second = new float[floats];
    }
    if (bits.length < ExpandRows.ROWS * steps) {
      bits = new int[ExpandRows.ROWS * steps];
    }
  }

  /** Returns where a row of activations begins. */
  int at(int row) {
    return row * rowFloats;
  }

  private void alternate(float[] x, int from, int columns, int to) {
    int pairs = columns / 2;
    for (int i = 0; i < pairs; i++) {
      first[to + i] = x[from + 2 * i];
      second[to + i] = x[from + 2 * i + 1];
    }
    int end = to + steps * HALF;
    Arrays.fill(first, to + pairs, end, 0f);
    Arrays.fill(second, to + pairs, end, 0f);
    if (columns % 2 != 0) {
      first[to + pairs] = x[from + columns - 1];
    }
  }

  private void inOrder(float[] x, int from, int columns, int to) {
    System.arraycopy(x, from, first, to, columns);
    Arrays.fill(first, to + columns, to + steps * SparseKernels.CHAINS, 0f);
  }

  /**
   * Copies the bits of a row. A loop that reads them from the memory itself takes longer.
   *
   * @param place where among the rows of {@link #bits}
   */
  void loadBits(MemorySegment bitmask, int columns, int row, int place) {
    int bytes = Math.ceilDiv(columns, Byte.SIZE);
    long at = (long) row * bytes;
    int whole = bytes / Integer.BYTES;
    MemorySegment.copy(bitmask, INT, at, bits, place * steps, whole);
    if (whole < steps) {
      int last = 0;
      for (int i = whole * Integer.BYTES; i < bytes; i++) {
        last |= (bitmask.get(ValueLayout.JAVA_BYTE, at + i) & 0xff) << (i * Byte.SIZE);
      }
      bits[place * steps + whole] = last;
    }
  }
}
