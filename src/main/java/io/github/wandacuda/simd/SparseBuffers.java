package io.github.wandacuda.simd;

import static io.github.wandacuda.system.LittleEndian.INT;

import io.github.wandacuda.SparseKernels;
import io.github.wandacuda.SparseMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * What a thread needs for whole rows beside its arguments, kept from call to call: activations,
 * bits of rows as ints, rows of weights, sums of lanes. A step is {@link SparseKernels#CHAINS}
 * columns; the last one is filled up with zeros.
 */
final class SparseBuffers {
  /** Columns of a step. */
  static final int STEP = SparseKernels.CHAINS;

  /** Floats of half a step. */
  static final int HALF = SparseKernels.CHAINS / 2;

  /** Rows of activations. */
  float[] activations = {};

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

  /** Takes activations as they are. */
  void load(SparseMatrix matrix, float[] x, int xOffset, int count) {
    int columns = matrix.columns();
    prepare(columns, count);
    for (int t = 0; t < count; t++) {
      System.arraycopy(x, xOffset + t * columns, activations, at(t), columns);
      Arrays.fill(activations, at(t) + columns, at(t + 1), 0f);
    }
  }

  private void prepare(int columns, int rows) {
    steps = Math.ceilDiv(columns, STEP);
    rowFloats = steps * STEP;
    if (activations.length < rows * rowFloats) {
      activations = new float[rows * rowFloats];
    }
    if (panel.length < steps * STEP) {
      panel = new float[steps * STEP];
      halves = new short[ColumnBlocks.ROWS * steps * STEP];
      bits = new int[ColumnBlocks.ROWS * steps];
    }
  }

  /** Returns where a row of activations begins. */
  int at(int row) {
    return row * rowFloats;
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
