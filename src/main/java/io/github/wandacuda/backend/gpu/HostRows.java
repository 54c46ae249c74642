package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.gpu.RowCopy.Place;
import java.lang.foreign.MemorySegment;
import java.util.function.LongFunction;

/**
 * The layout of a weight's rows in host memory and on a device, and copies of rows with any layout
 * to and from consecutive ones, as devices take them. A matrix with dense rows is only accessed by
 * bulk copies, since its memory may be a mapping of a file that is truncated.
 */
final class HostRows {
  /** Rows and columns of the squares in which strided elements are copied: a few cache lines. */
  private static final int SQUARE = 32;

  private HostRows() {}

  static long rowBytes(WeightMatrix matrix) {
    return (long) matrix.columns() * matrix.dtype().bytes();
  }

  /**
   * Returns whether rows can be copied as a whole: their elements are consecutive, and rows don't
   * overlap.
   */
  static boolean isByRows(WeightMatrix matrix) {
    return matrix.hasDenseRows() && matrix.rowStride() >= matrix.columns();
  }

  /** Returns the bytes from a row to the next in host memory. */
  static long hostPitch(WeightMatrix matrix) {
    return matrix.rowStride() * matrix.dtype().bytes();
  }

  /** Returns the bytes from a row to the next on a device, as kernels require them. */
  static long devicePitch(int columns, DType dtype) {
    return Math.ceilDiv((long) columns * dtype.bytes(), (long) GpuSelectKernels.ROW_ALIGNMENT)
        * GpuSelectKernels.ROW_ALIGNMENT;
  }

  static long deviceBytes(int rows, int columns, DType dtype) {
    return devicePitch(columns, dtype) * rows;
  }

  static DeviceRows onDevice(DevicePointer start, DType dtype, int rows, int columns) {
    long stride = devicePitch(columns, dtype) / dtype.bytes();
    return new DeviceRows(start, dtype, rows, columns, stride);
  }

  /**
   * Queues the way to the device: directly if rows lie side by side where it may read them, else by
   * way of memory that takes dense rows.
   *
   * @param readable whether the device may read the matrix's memory
   * @param room allocates memory that it may read
   */
  static void upload(
      DeviceQueue queue,
      WeightMatrix from,
      boolean readable,
      LongFunction<MemorySegment> room,
      DeviceRows to) {
    long rowBytes = rowBytes(from);
    if (readable && isByRows(from)) {
      queue.copy(Place.of(from.data(), hostPitch(from)), to.place(), rowBytes, from.rows());
      return;
    }
    MemorySegment dense = room.apply(from.rows() * rowBytes);
    gather(from, dense);
    queue.copy(Place.of(dense, rowBytes), to.place(), rowBytes, from.rows());
  }

  public static void gather(WeightMatrix matrix, MemorySegment dense) {
    copy(matrix, dense, true);
  }

  public static void scatter(MemorySegment dense, WeightMatrix matrix) {
    copy(matrix, dense, false);
  }

  private static void copy(WeightMatrix matrix, MemorySegment dense, boolean toDense) {
    if (!matrix.hasDenseRows()) {
      copyElements(matrix, dense, toDense);
      return;
    }
    long rowBytes = rowBytes(matrix);
    boolean together = matrix.rowStride() == matrix.columns();
    int step = together ? matrix.rows() : 1;
    for (int row = 0; row < matrix.rows(); row += step) {
      move(
          matrix.data(),
          matrix.byteOffset(row, 0),
          dense,
          row * rowBytes,
          step * rowBytes,
          toDense);
    }
  }

  private static void move(
      MemorySegment matrix, long from, MemorySegment dense, long to, long bytes, boolean toDense) {
    if (toDense) {
      MemorySegment.copy(matrix, from, dense, to, bytes);
    } else {
      MemorySegment.copy(dense, to, matrix, from, bytes);
    }
  }

  private static void copyElements(WeightMatrix matrix, MemorySegment dense, boolean toDense) {
    for (int row = 0; row < matrix.rows(); row += SQUARE) {
      for (int column = 0; column < matrix.columns(); column += SQUARE) {
        copySquare(matrix, row, column, dense, toDense);
      }
    }
  }

  private static void copySquare(
      WeightMatrix matrix, int firstRow, int firstColumn, MemorySegment dense, boolean toDense) {
    int bytes = matrix.dtype().bytes();
    int endRow = Math.min(matrix.rows(), firstRow + SQUARE);
    int endColumn = Math.min(matrix.columns(), firstColumn + SQUARE);
    for (int row = firstRow; row < endRow; row++) {
      for (int column = firstColumn; column < endColumn; column++) {
        long at = ((long) row * matrix.columns() + column) * bytes;
        copyElement(matrix, matrix.byteOffset(row, column), dense, at, toDense);
      }
    }
  }

  private static void copyElement(
      WeightMatrix matrix, long from, MemorySegment dense, long to, boolean toDense) {
    DType dtype = matrix.dtype();
    if (toDense) {
      dtype.setBits(dense, to, dtype.bits(matrix.data(), from));
    } else {
      dtype.setBits(matrix.data(), from, dtype.bits(dense, to));
    }
  }
}
