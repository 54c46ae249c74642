package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.select.ResidentMatrix;

/**
 * A row-major matrix in a device's memory.
 *
 * @param data where element (0, 0) is
 * @param stride distance between an element and the one below it, in elements, at least {@code
 *     columns}
 */
public record DeviceRows(DevicePointer data, DType dtype, int rows, int columns, long stride)
    implements ResidentMatrix {
  public DeviceRows {
    if (rows < 0 || columns < 0 || stride < columns) {
      throw new IllegalArgumentException(
          "%d x %d with a stride of %d".formatted(rows, columns, stride));
    }
    if (rows > 0) {
      data.plus(((rows - 1) * stride + columns) * dtype.bytes());
    }
  }

  /** Returns the bytes from a row to the next. */
  public long pitch() {
    return stride * dtype.bytes();
  }

  RowCopy.Place place() {
    return RowCopy.Place.of(data, pitch());
  }

  public DeviceRows rowRange(int from, int count) {
    return new DeviceRows(data.plus(from * stride * dtype.bytes()), dtype, count, columns, stride);
  }

  public DeviceRows columnRange(int from, int count) {
    return new DeviceRows(data.plus((long) from * dtype.bytes()), dtype, rows, count, stride);
  }

  /** Returns whether the rows lie as {@link GpuSelectKernels} want them. */
  public boolean isAligned() {
    return data.offset() % GpuSelectKernels.ROW_ALIGNMENT == 0
        && pitch() % GpuSelectKernels.ROW_ALIGNMENT == 0;
  }

  public void requireAligned() {
    if (!isAligned()) {
      throw new IllegalArgumentException("rows are not aligned: " + this);
    }
  }

  public long rowBytes() {
    return (long) columns * dtype.bytes();
  }
}
