package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.select.ResidentMatrix;

/**
 * A row-major matrix in a device's memory, which whoever allocated it owns.
 *
 * @param data where element (0, 0) is
 * @param dtype the element type
 * @param rows 0 or more
 * @param columns 0 or more
 * @param stride distance between an element and the one below it, in elements, at least {@code
 *     columns}
 */
public record DeviceRows(DevicePointer data, DType dtype, int rows, int columns, long stride)
    implements ResidentMatrix {
  /**
   * Checks that the rows lie within their buffer.
   *
   * @throws IllegalArgumentException if a size is negative or rows overlap
   * @throws IndexOutOfBoundsException if the last row ends behind the buffer's end
   */
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

  /** Returns the rows as one side of a copy. */
  RowCopy.Place place() {
    return RowCopy.Place.of(data, pitch());
  }

  /**
   * Returns a view of consecutive rows.
   *
   * @param from the first row's number
   * @throws IndexOutOfBoundsException if the rows end behind the buffer's end; whether they are
   *     rows of this matrix isn't checked
   */
  public DeviceRows rowRange(int from, int count) {
    return new DeviceRows(data.plus(from * stride * dtype.bytes()), dtype, count, columns, stride);
  }

  /**
   * Returns a view of consecutive columns of all rows, with the same stride.
   *
   * @param from the first column's number
   */
  public DeviceRows columnRange(int from, int count) {
    return new DeviceRows(data.plus((long) from * dtype.bytes()), dtype, rows, count, stride);
  }

  /** Returns whether the rows lie as {@link GpuSelectKernels} want them. */
  public boolean isAligned() {
    return data.offset() % GpuSelectKernels.ROW_ALIGNMENT == 0
        && pitch() % GpuSelectKernels.ROW_ALIGNMENT == 0;
  }

  /**
   * Checks that the rows lie as {@link GpuSelectKernels} want them.
   *
   * @throws IllegalArgumentException if they don't
   */
  public void requireAligned() {
    if (!isAligned()) {
      throw new IllegalArgumentException("rows are not aligned: " + this);
    }
  }

  /** Returns the bytes of a row's elements, without what is between rows. */
  public long rowBytes() {
    return (long) columns * dtype.bytes();
  }
}
