package io.github.wandacuda.simd;

import static io.github.wandacuda.simd.Lanes.load;

import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * Sums of squares of the columns on vectors; columns after the last whole vector are added one by
 * one.
 */
final class VectorColumnSquares {
  /** Rows whose squares are added at a time. */
  private static final int ROWS = 8;

  private VectorColumnSquares() {}

  /** See {@link CpuForwardKernels#columnSquares}. */
  static void columnSquares(CpuTensor x, double[] sums, int from, int to) {
    float[] squares = new float[to - from];
    for (int run = 0; run < x.rows(); run += CpuForwardKernels.SQUARES_RUN) {
      Arrays.fill(squares, 0f);
      int end = Math.min(x.rows(), run + CpuForwardKernels.SQUARES_RUN);
      addSquares(x.data(), x.at(run) + from, x.columns(), end - run, squares);
      for (int c = from; c < to; c++) {
        sums[c] += squares[c - from];
      }
    }
  }

  /**
   * Adds the squares of some rows to a sum for each column, in the order of the rows. Eight rows
   * are added at a time, while the sums stay in registers.
   *
   * @param stride elements from a row to the next
   */
  private static void addSquares(float[] x, int at, int stride, int rows, float[] sums) {
    int whole = rows / ROWS * ROWS;
    for (int row = 0; row < whole; row += ROWS) {
      addEightSquares(x, at + row * stride, stride, sums);
    }
    for (int row = whole; row < rows; row++) {
      addSquares(x, at + row * stride, sums);
    }
  }

  private static void addEightSquares(float[] x, int at, int stride, float[] sums) {
    int whole = Lanes.FLOATS.loopBound(sums.length);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      int from = at + i;
      FloatVector sum = load(sums, i).add(square(x, from)).add(square(x, from + stride));
      sum = sum.add(square(x, from + 2 * stride)).add(square(x, from + 3 * stride));
      sum = sum.add(square(x, from + 4 * stride)).add(square(x, from + 5 * stride));
      sum = sum.add(square(x, from + 6 * stride)).add(square(x, from + 7 * stride));
      sum.intoArray(sums, i);
    }
    for (int i = whole; i < sums.length; i++) {
      for (int row = 0; row < ROWS; row++) {
        float value = x[at + row * stride + i];
        sums[i] += value * value;
      }
    }
  }

  private static FloatVector square(float[] x, int at) {
    FloatVector value = load(x, at);
    return value.mul(value);
  }

  private static void addSquares(float[] x, int at, float[] sums) {
    int whole = Lanes.FLOATS.loopBound(sums.length);
    for (int i = 0; i < whole; i += Lanes.COUNT) {
      FloatVector value = load(x, at + i);
      load(sums, i).add(value.mul(value)).intoArray(sums, i);
    }
    for (int i = whole; i < sums.length; i++) {
      sums[i] += x[at + i] * x[at + i];
    }
  }
}
