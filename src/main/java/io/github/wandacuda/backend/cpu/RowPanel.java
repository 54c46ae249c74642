package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.DenseRows;
import io.github.wandacuda.scalar.CpuSelectKernels;
import io.github.wandacuda.system.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Rows of a matrix in memory of its own, in the form that {@link CpuSelectKernels} asks for.
 *
 * <p>A matrix whose rows have that form already is worked on where it lies. Others are copied here:
 * rows that would need padding; Java arrays; and above all mappings of files, which may shrink
 * meanwhile. Then a copy ends in an {@link InternalError}, while a compiled loop of vector loads
 * would end the JVM.
 */
final class RowPanel {
  private static final int STRIDED_ROWS = 32;
  private static final long CACHE_LINE = 64;

  private RowPanel() {}

  /** Returns whether the matrix's rows can be worked on where they are. */
  static boolean isNeedlessFor(WeightMatrix matrix) {
    return matrix.hasDenseRows()
        && matrix.columns() % CpuSelectKernels.PADDING == 0
        && NativeMemory.is(matrix.data());
  }

  /** Work on a row. */
  interface Visitor {
    /**
     * Works on a row, and may change it.
     *
     * @param memory where the row is
     * @param at where it begins there, in bytes
     * @param row its number in the matrix
     */
    void visit(MemorySegment memory, long at, int row);
  }

  /**
   * Copies the rows of a matrix to memory of its own, visits each in order, and writes it to
   * another matrix afterwards.
   *
   * @param source of any strides, in any memory
   * @param destination of the same shape and type, may be {@code source}; null for none
   * @param visitor may rely on padding behind the row, whose content is undefined
   */
  static void forEachRow(WeightMatrix source, WeightMatrix destination, Visitor visitor) {
    boolean dense = source.hasDenseRows() && (destination == null || destination.hasDenseRows());
    int capacity = dense ? 1 : Math.min(STRIDED_ROWS, source.rows());
    long pitch = (long) CpuSelectKernels.padded(source.columns()) * source.dtype().bytes();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment panel = arena.allocate(capacity * pitch, CACHE_LINE);
      for (int first = 0; first < source.rows(); first += capacity) {
        int count = Math.min(capacity, source.rows() - first);
        DenseRows.gather(source.rows(first, count), panel, pitch);
        for (int r = 0; r < count; r++) {
          visitor.visit(panel, r * pitch, first + r);
        }
        if (destination != null) {
          DenseRows.scatter(panel, pitch, destination.rows(first, count));
        }
      }
    }
  }
}
