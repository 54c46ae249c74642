package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;

/** The layout of a weight's rows in host memory and on a device. */
final class RowLayout {
  private RowLayout() {}

  /** Returns the bytes of a row. */
  public static long rowBytes(WeightMatrix matrix) {
    return (long) matrix.columns() * matrix.dtype().bytes();
  }

  /**
   * Returns whether rows can be copied as a whole: their elements are consecutive, and rows don't
   * overlap.
   */
  public static boolean isByRows(WeightMatrix matrix) {
    return matrix.hasDenseRows() && matrix.rowStride() >= matrix.columns();
  }

  /** Returns the bytes from a row to the next in host memory. */
  public static long hostPitch(WeightMatrix matrix) {
    return matrix.rowStride() * matrix.dtype().bytes();
  }

  /** Returns the bytes from a row to the next on a device, as kernels require them. */
  public static long devicePitch(WeightMatrix matrix) {
    return devicePitch(matrix.columns(), matrix.dtype());
  }

  /** Returns the bytes from a row of so many elements to the next on a device. */
  public static long devicePitch(int columns, DType dtype) {
    return Math.ceilDiv((long) columns * dtype.bytes(), (long) GpuSelectKernels.ROW_ALIGNMENT)
        * GpuSelectKernels.ROW_ALIGNMENT;
  }

  /**
   * Returns {@code count} rows with a matrix's type and columns, which start at {@code start} on a
   * device.
   */
  public static DeviceRows onDevice(WeightMatrix like, DevicePointer start, int count) {
    return onDevice(start, like.dtype(), count, like.columns());
  }

  /** Returns rows that start at {@code start} on a device. */
  public static DeviceRows onDevice(DevicePointer start, DType dtype, int rows, int columns) {
    long stride = devicePitch(columns, dtype) / dtype.bytes();
    return new DeviceRows(start, dtype, rows, columns, stride);
  }
}
