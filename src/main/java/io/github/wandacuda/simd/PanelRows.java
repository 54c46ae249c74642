package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.load;
import static io.github.wandacuda.system.LittleEndian.INT;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseKernels;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.scalar.LaneSum;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * Products of a sparse matrix on a processor that doesn't expand vectors: each row is unpacked
 * value by value to float32 and multiplied with vectors. That takes longer than reading the dense
 * matrix would.
 */
public final class PanelRows implements SparseKernels {
  private final ThreadLocal<Panel> panels = ThreadLocal.withInitial(Panel::new);

  @Override
  public boolean isFasterThanDense(DType dtype) {
    return false;
  }

  @Override
  public String description() {
    return "unpacked, since the processor doesn't expand vectors";
  }

  @Override
  public void multiply(
      SparseMatrix w, float[] x, int xAt, int count, float[] out, int outAt, int from, int to) {
    Panel own = panels.get();
    own.take(w, x, xAt, count);
    for (int row = from; row < to; row++) {
      own.loadBits(w.bitmask(), w.columns(), row);
      own.unpack(w, row);
      for (int t = 0; t < count; t++) {
        own.multiply(t);
        out[outAt + t * w.rows() + row] = LaneSum.combine(own.chains);
      }
    }
  }

  /**
   * A thread's buffers, which are kept from call to call. A step is {@link SparseKernels#CHAINS}
   * columns; the last one is filled up with zeros.
   */
  private static final class Panel {
    /** Columns of a step. */
    private static final int STEP = CHAINS;

    private float[] activations = {};

    /** Bits of a row of weights. */
    private int[] bits = {};

    /** A row of weights as float32. */
    private float[] weights = {};

    /** The chains of a row of weights and one of activations. */
    private final float[] chains = new float[STEP];

    private int steps;
    private int rowFloats;

    /**
     * Takes the activations of a call: arranges them by steps.
     *
     * @param xAt the first activation in {@code x}
     * @param count rows of activations
     */
    void take(SparseMatrix matrix, float[] x, int xAt, int count) {
      int columns = matrix.columns();
      steps = Math.ceilDiv(columns, STEP);
      rowFloats = steps * STEP;
      if (activations.length < count * rowFloats) {
        activations = new float[count * rowFloats];
      }
      if (weights.length < rowFloats) {
        weights = new float[rowFloats];
        bits = new int[steps];
      }
      for (int t = 0; t < count; t++) {
        int at = t * rowFloats;
        System.arraycopy(x, xAt + t * columns, activations, at, columns);
        Arrays.fill(activations, at + columns, at + rowFloats, 0f);
      }
    }

    /** Copies the bits of a row. A loop that reads them from the memory itself takes longer. */
    void loadBits(MemorySegment bitmask, int columns, int row) {
      int bytes = Math.ceilDiv(columns, Byte.SIZE);
      long at = (long) row * bytes;
      int whole = bytes / Integer.BYTES;
      MemorySegment.copy(bitmask, INT, at, bits, 0, whole);
      if (whole < steps) {
        int last = 0;
        for (int i = whole * Integer.BYTES; i < bytes; i++) {
          last |= (bitmask.get(ValueLayout.JAVA_BYTE, at + i) & 0xff) << (i * Byte.SIZE);
        }
        bits[whole] = last;
      }
    }

    void unpack(SparseMatrix matrix, int row) {
      Arrays.fill(weights, 0, rowFloats, 0f);
      int bytes = matrix.dtype().bytes();
      long at = matrix.rowOffset(row) * bytes;
      MemorySegment values = matrix.values();
      for (int j = 0; j < steps; j++) {
        int column = j * STEP;
        for (int left = bits[j]; left != 0; left &= left - 1) {
          weights[column + Integer.numberOfTrailingZeros(left)] = matrix.dtype().value(values, at);
          at += bytes;
        }
      }
    }

    /** Multiplies the row of weights by one of activations, as {@link SparseKernels} says. */
    void multiply(int row) {
      float[] w = weights;
      float[] x = activations;
      int from = row * rowFloats;
      for (int lane = 0; lane < STEP; lane += 2 * Lanes.COUNT) {
        FloatVector a = FloatVector.zero(Lanes.FLOATS);
        FloatVector b = FloatVector.zero(Lanes.FLOATS);
        int second = (lane + Lanes.COUNT) % STEP;
        for (int column = 0; column < rowFloats; column += STEP) {
          a = load(w, column + lane).fma(load(x, from + column + lane), a);
          b = load(w, column + second).fma(load(x, from + column + second), b);
        }
        a.intoArray(chains, lane);
        b.intoArray(chains, second);
      }
    }
  }
}
