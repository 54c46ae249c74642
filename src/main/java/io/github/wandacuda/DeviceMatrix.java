package io.github.wandacuda;

import java.util.Objects;

/**
 * A view of a matrix in a GPU's memory that the caller owns, [rows, columns], row by row: a linear
 * layer's weight, or activations with a row for each token. The view holds no copy and frees
 * nothing.
 *
 * <p>Element (r, c) is at byte {@code byteOffset + (r * rowStride + c) * dtype.bytes()} of the
 * memory, as the device stores numbers. No alignment is required; rows that start at multiples of
 * 16 bytes are pruned where they lie, others by way of a copy on the device.
 *
 * @param memory a CUDA device pointer, or the handle of an OpenCL {@code cl_mem}
 * @param byteOffset where element (0, 0) is, in bytes from there, 0 or more
 * @param dtype the element type
 * @param rows output features or tokens, 0 or more
 * @param columns input features, 0 or more
 * @param rowStride distance between an element and the one below it, in elements, at least {@code
 *     columns}
 * @param queue the queue whose work comes first: a {@code CUstream}, 0 for the default stream, or
 *     the handle of an in-order {@code cl_command_queue}
 */
public record DeviceMatrix(
    long memory, long byteOffset, DType dtype, int rows, int columns, long rowStride, long queue) {
  /**
   * Checks sizes and strides. Whether the memory is there, and large enough, is found when the
   * matrix is used.
   *
   * @throws IllegalArgumentException if a size or the offset is negative, the stride less than the
   *     columns, or the matrix larger than any memory
   */
  public DeviceMatrix {
    Objects.requireNonNull(dtype, "dtype");
    if (rows < 0 || columns < 0 || byteOffset < 0 || rowStride < columns) {
      throw new IllegalArgumentException(
          "expected sizes and an offset of 0 or more and a stride of at least the columns, found"
              + " %d x %d, offset %d, stride %d".formatted(rows, columns, byteOffset, rowStride));
    }
    try {
      Math.addExact(byteOffset, span(dtype, rows, columns, rowStride));
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException(
          "%d x %d %s at offset %d with a stride of %d is larger than any memory"
              .formatted(rows, columns, dtype, byteOffset, rowStride),
          e);
    }
  }

  /**
   * {@return a view of a dense matrix in CUDA memory}
   *
   * @param pointer a device pointer in the device's primary context
   * @param dtype the element type
   * @param rows output features or tokens, 0 or more
   * @param columns input features, 0 or more
   * @param stream the {@code CUstream} whose work comes first, 0 for the default stream
   */
  public static DeviceMatrix cuda(long pointer, DType dtype, int rows, int columns, long stream) {
    return new DeviceMatrix(pointer, 0, dtype, rows, columns, columns, stream);
  }

  /**
   * {@return a view of a dense matrix at the start of an OpenCL buffer}
   *
   * @param memory the handle of a {@code cl_mem}
   * @param dtype the element type
   * @param rows output features or tokens, 0 or more
   * @param columns input features, 0 or more
   * @param queue the handle of the in-order {@code cl_command_queue} whose work comes first
   */
  public static DeviceMatrix openCl(long memory, DType dtype, int rows, int columns, long queue) {
    return new DeviceMatrix(memory, 0, dtype, rows, columns, columns, queue);
  }

  /**
   * {@return the view with another distance from a row to the next, in elements}
   *
   * @param elements from an element to the one below it, at least the columns
   */
  public DeviceMatrix withRowStride(long elements) {
    return new DeviceMatrix(memory, byteOffset, dtype, rows, columns, elements, queue);
  }

  /**
   * {@return the view with another place of element (0, 0), in bytes from the memory's start}
   *
   * @param bytes 0 or more
   */
  public DeviceMatrix withByteOffset(long bytes) {
    return new DeviceMatrix(memory, bytes, dtype, rows, columns, rowStride, queue);
  }

  /**
   * {@return a view of {@code count} rows from row {@code from}}
   *
   * @param from the first row
   * @param count how many rows
   */
  public DeviceMatrix rows(int from, int count) {
    Objects.checkFromIndexSize(from, count, rows);
    long start = byteOffset + from * rowStride * dtype.bytes();
    return new DeviceMatrix(memory, start, dtype, count, columns, rowStride, queue);
  }

  /** {@return the bytes from element (0, 0) to the end of the last one} */
  public long span() {
    return span(dtype, rows, columns, rowStride);
  }

  private static long span(DType dtype, int rows, int columns, long rowStride) {
    if (rows == 0 || columns == 0) {
      return 0;
    }
    long last = Math.addExact(Math.multiplyExact(rows - 1L, rowStride), columns);
    return Math.multiplyExact(last, (long) dtype.bytes());
  }

  /** {@return the number of elements} */
  public long elements() {
    return (long) rows * columns;
  }
}
