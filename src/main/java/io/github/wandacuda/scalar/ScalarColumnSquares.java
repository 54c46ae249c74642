package io.github.wandacuda.scalar;

import java.util.Arrays;

/** Sums of squares of the columns as plain loops. */
final class ScalarColumnSquares {
  private ScalarColumnSquares() {}

  /** See {@link CpuForwardKernels#columnSquares}. */
  static void columnSquares(CpuTensor x, double[] sums, int from, int to) {
    float[] squares = new float[to - from];
    for (int run = 0; run < x.rows(); run += CpuForwardKernels.SQUARES_RUN) {
      Arrays.fill(squares, 0f);
      for (int t = run; t < Math.min(x.rows(), run + CpuForwardKernels.SQUARES_RUN); t++) {
        for (int c = from; c < to; c++) {
          float value = x.data()[x.at(t) + c];
          squares[c - from] += value * value;
        }
      }
      for (int c = from; c < to; c++) {
        sums[c] += squares[c - from];
      }
    }
  }
}
