package io.github.wandacuda.select.gpu;

import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.device.GpuSelectKernels;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What the pruning kernels report of each row, see {@link GpuSelectKernels}.
 *
 * @param memory the reports
 * @param rows how many
 */
record RowReports(MemorySegment memory, int rows) {
  /** Returns the sum of one of a report's numbers. */
  long sum(int which) {
    long sum = 0;
    for (int row = 0; row < rows; row++) {
      sum += Integer.toUnsignedLong(get(row, which));
    }
    return sum;
  }

  /**
   * Checks that no row has a weight that is not finite.
   *
   * @param matrix whose rows they are
   * @param firstRow the number of the first one in its matrix
   * @throws NonFiniteWeightException for the first such weight
   */
  void requireFinite(SlotMatrix matrix, int firstRow) {
    for (int row = 0; row < rows; row++) {
      int column = get(row, GpuSelectKernels.NON_FINITE);
      if (column != GpuSelectKernels.NONE) {
        float value = matrix.element(firstRow + row, column);
        throw new NonFiniteWeightException(firstRow + row, column, value);
      }
    }
  }

  private int get(int row, int which) {
    return memory.getAtIndex(
        ValueLayout.JAVA_INT, (long) row * GpuSelectKernels.REPORT_INTS + which);
  }
}
