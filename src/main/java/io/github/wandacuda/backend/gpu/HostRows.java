package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.DenseRows;
import io.github.wandacuda.backend.gpu.RowCopy.Place;
import java.lang.foreign.MemorySegment;
import java.util.function.LongFunction;

/** The layout of a weight's rows in host memory and on a device. */
final class HostRows {
  private HostRows() {}

  /** Returns the bytes of a row's elements, without what is between rows. */
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

  /** Returns the device memory that rows take, in bytes. */
  static long deviceBytes(int rows, int columns, DType dtype) {
    return devicePitch(columns, dtype) * rows;
  }

  /**
   * Returns rows on a device, laid out as kernels require them.
   *
   * @param start where the first row begins, with room for {@link #deviceBytes}
   */
  static DeviceRows onDevice(DevicePointer start, DType dtype, int rows, int columns) {
    long stride = devicePitch(columns, dtype) / dtype.bytes();
    return new DeviceRows(start, dtype, rows, columns, stride);
  }

  /**
   * Queues a copy to the device: directly if rows are dense and the device may read them, else
   * through memory into which the rows are gathered.
   *
   * @param readable whether the device may read the matrix's memory
   * @param room allocates so many bytes that the device may read, valid until the queue is finished
   * @param to of the same shape and type
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
    DenseRows.gather(from, dense, rowBytes);
    queue.copy(Place.of(dense, rowBytes), to.place(), rowBytes, from.rows());
  }
}
