package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.gpu.GpuSelectKernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Rows as kernels get them, with bytes between them that belong to nobody and none after the last.
 *
 * @param memory the elements
 * @param dtype their type
 * @param rows how many
 * @param columns elements of a row
 * @param stride elements from a row to the next
 */
record PaddedMatrix(MemorySegment memory, DType dtype, int rows, int columns, int stride) {
  private static final byte NOBODYS = (byte) 0xff;

  static PaddedMatrix of(DType dtype, int[][] bits, int columns, int extraVectors) {
    int vector = GpuSelectKernels.ROW_ALIGNMENT / dtype.bytes();
    int stride = (Math.ceilDiv(columns, vector) + extraVectors) * vector;
    long elements = (bits.length - 1L) * stride + columns;
    MemorySegment memory = Arena.ofAuto().allocate(elements * dtype.bytes(), 16);
    memory.fill(NOBODYS);
    PaddedMatrix matrix = new PaddedMatrix(memory, dtype, bits.length, columns, stride);
    for (int r = 0; r < bits.length; r++) {
      for (int c = 0; c < columns; c++) {
        matrix.set(r, c, bits[r][c]);
      }
    }
    return matrix;
  }

  private void set(int row, int column, int bits) {
    long index = (long) row * stride + column;
    if (dtype == DType.F32) {
      memory.setAtIndex(ValueLayout.JAVA_INT, index, bits);
    } else {
      memory.setAtIndex(ValueLayout.JAVA_SHORT, index, (short) bits);
    }
  }

  WeightMatrix row(int row) {
    return WeightMatrix.of(
        memory.asSlice((long) row * stride * dtype.bytes(), (long) columns * dtype.bytes()),
        dtype,
        1,
        columns);
  }

  /** Returns a matrix of the same shape that holds these bytes. */
  PaddedMatrix holding(MemorySegment bytes) {
    return new PaddedMatrix(bytes, dtype, rows, columns, stride);
  }

  PaddedMatrix copy() {
    return holding(Arena.ofAuto().allocate(memory.byteSize(), 16).copyFrom(memory));
  }
}
