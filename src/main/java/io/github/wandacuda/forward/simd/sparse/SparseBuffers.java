package io.github.wandacuda.forward.simd.sparse;

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
  /** Columns of a step. */
  static final int STEP = SparseKernels.CHAINS;

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

  /** Expanded rows of F16, as many columns as the steps have. */
  short[] halves = {};

  /** A row of weights as float32, likewise. */
  float[] panel = {};

  /** Chains, a step for each pair of a row of weights and one of activations. */
  final float[] chains = new float[SparseMatrix.MOST_ROWS * SparseKernels.CHAINS];

  /** Steps of a row. */
  int steps;

  private int rowFloats;

  /**
   * Takes activations, even and odd columns apart.
   *
   * @param rows rows to make room for; those from {@code count} on become zeros
   */
  void loadAlternate(SparseMatrix matrix, float[] x, int xOffset, int count, int rows) {
    prepare(matrix.columns(), HALF, rows);
    for (int t = 0; t < count; t++) {
      alternate(x, xOffset + t * matrix.columns(), matrix.columns(), at(t));
    }
    Arrays.fill(first, at(count), at(rows), 0f);
    Arrays.fill(second, at(count), at(rows), 0f);
  }

  /** Takes activations as they are, filled up to {@code rows} with zeros. */
  void loadInOrder(SparseMatrix matrix, float[] x, int xOffset, int count, int rows) {
    int columns = matrix.columns();
    prepare(columns, STEP, rows);
    for (int t = 0; t < count; t++) {
      System.arraycopy(x, xOffset + t * columns, first, at(t), columns);
      Arrays.fill(first, at(t) + columns, at(t + 1), 0f);
    }
    Arrays.fill(first, at(count), at(rows), 0f);
  }

  private void prepare(int columns, int stepFloats, int rows) {
    steps = Math.ceilDiv(columns, STEP);
    rowFloats = steps * stepFloats;
    if (first.length < rows * rowFloats) {
      first = new float[rows * rowFloats];
      second = new float[rows * rowFloats];
    }
    if (panel.length < steps * STEP) {
      panel = new float[steps * STEP];
      halves = new short[ExpandRows.ROWS * steps * STEP];
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
