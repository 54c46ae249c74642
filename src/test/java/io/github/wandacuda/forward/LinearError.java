package io.github.wandacuda.forward;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.scalar.CpuTensor;

/**
 * How far a linear layer is off, relative to the sum of its terms' magnitudes, and how far it may
 * be on tensor cores.
 */
final class LinearError {
  /** The lowest compute capability, times 10, and the bound that holds for all. */
  static final int ANY = 75;

  /** Half a unit of a float32 in the last place, relative. */
  static final double ROUNDING = 0x1p-24;

  private LinearError() {}

  /**
   * Returns how far a layer may be off. Activations that are rounded have that error beside it.
   *
   * <p>An H100 adds 16 products at once, after it cut off what is less than 2^-25 of the largest,
   * and cuts the result off to float32: these are 16 / 2 + 2 roundings. An A100 adds 8 and cuts off
   * at 2^-24, a T4 4 at 2^-23. It sums as many columns as are in a step from zero on; steps, and a
   * bias, are added in float32. In the high precision two F16 numbers hold an activation but for
   * 2^-23 of it.
   *
   * @param capability compute capability, times 10
   */
  static double bound(int capability, Precision precision, int columns) {
    boolean fast = precision == Precision.FAST;
    int atOnce = capability < 80 ? 4 : capability < 90 ? 8 : 16;
    int step = fast && capability >= 80 ? 32 : 16;
    int cutOff = 10 * Math.ceilDiv(Math.min(columns, step), atOnce);
    double left = fast ? 0 : 0x1p-23;
    return left + (cutOff + Math.ceilDiv(columns, step)) * ROUNDING;
  }

  /** Returns the largest error of a layer, infinite if something is NaN. */
  static double of(CpuTensor out, CpuTensor x, WeightMatrix w, CpuTensor bias) {
    double worst = 0;
    for (int t = 0; t < x.rows(); t++) {
      for (int o = 0; o < w.rows(); o++) {
        double sum = bias == null ? 0 : OperationCases.at(bias, 0, o);
        double size = Math.abs(sum);
        for (int c = 0; c < w.columns(); c++) {
          double product = OperationCases.at(x, t, c) * w.get(o, c);
          sum += product;
          size += Math.abs(product);
        }
        double error = Math.abs(OperationCases.at(out, t, o) - sum);
        worst = Math.max(worst, error <= worst * size ? 0 : error / size);
      }
    }
    return worst >= 0 ? worst : Double.POSITIVE_INFINITY;
  }
}
