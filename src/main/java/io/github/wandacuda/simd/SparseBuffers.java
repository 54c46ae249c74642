package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.load;
import static io.github.wandacuda.system.LittleEndian.INT;

import io.github.wandacuda.SparseKernels;
import io.github.wandacuda.SparseMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * What a thread needs for whole rows beside its arguments, kept from call to call: activations,
 * bits of rows as ints, rows of weights, sums of lanes. A step is {@link SparseKernels#CHAINS}
 * columns; the last one is filled up with zeros.
 */
final class SparseBuffers {
  /** Columns of a step. */
  static final int STEP = SparseKernels.CHAINS;

  float[] activations = {};

  /** Bits of some rows of weights, {@link #steps} ints each. */
  int[] bits = {};

  /** Expanded rows of F16, as many columns as the steps have. */
  short[] halves = {};

  /** A row of weights as float32, likewise. */
  float[] panel = {};

  /** The chains of a row of weights and one of activations. */
  final float[] chains = new float[STEP];

  int steps;

  private int rowFloats;

  /** Takes activations as they are. */
  void take(SparseMatrix matrix, float[] x, int xAt, int count) {
    int columns = matrix.columns();
    prepare(columns, count);
    for (int t = 0; t < count; t++) {
      System.arraycopy(x, xAt + t * columns, activations, at(t), columns);
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

  /** Multiplies the row of weights by one of activations, as {@link SparseKernels} says. */
  void multiply(int row) {
    float[] weights = panel;
    float[] x = activations;
    int from = at(row);
    for (int lane = 0; lane < STEP; lane += 2 * Lanes.COUNT) {
      FloatVector a = FloatVector.zero(Lanes.FLOATS);
      FloatVector b = FloatVector.zero(Lanes.FLOATS);
      int second = (lane + Lanes.COUNT) % STEP;
      for (int column = 0; column < rowFloats; column += STEP) {
        a = load(weights, column + lane).fma(load(x, from + column + lane), a);
        b = load(weights, column + second).fma(load(x, from + column + second), b);
      }
      a.intoArray(chains, lane);
      b.intoArray(chains, second);
    }
  }
}
