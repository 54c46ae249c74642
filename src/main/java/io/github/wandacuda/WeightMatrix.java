package io.github.wandacuda;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * A view of a linear layer's weight, [rows = output features, columns = input features], in memory
 * of another owner: a mapped file, a tensor of another inference stack, a Java array. The view
 * holds no copy and frees nothing.
 *
 * <p>Element (r, c) is the little-endian value at byte {@code (r * rowStride + c * columnStride) *
 * dtype.bytes()} of {@code data}; no alignment is required.
 *
 * @param data the memory, at least as long as the last element needs
 * @param dtype the element type
 * @param rows output features, 0 or more
 * @param columns input features, 0 or more
 * @param rowStride distance between an element and the one below it, in elements
 * @param columnStride distance between an element and the one to its right, in elements; 1 for a
 *     row-major matrix
 */
public record WeightMatrix(
    MemorySegment data, DType dtype, int rows, int columns, long rowStride, long columnStride)
    implements RowReader {
  /**
   * Checks that the whole matrix lies inside {@code data}.
   *
   * @throws IllegalArgumentException if a size or stride is negative or the matrix reaches past the
   *     memory
   */
  public WeightMatrix {
    Objects.requireNonNull(data, "data");
    Objects.requireNonNull(dtype, "dtype");
    if (rows < 0 || columns < 0 || rowStride < 0 || columnStride < 0) {
      throw new IllegalArgumentException(
          "negative size or stride: %d x %d, strides %d and %d"
              .formatted(rows, columns, rowStride, columnStride));
    }
    if (rows > 0 && columns > 0) {
      long last =
          Math.addExact(
              Math.multiplyExact(rows - 1L, rowStride),
              Math.multiplyExact(columns - 1L, columnStride));
      long needed = Math.multiplyExact(last + 1, (long) dtype.bytes());
      if (needed > data.byteSize()) {
        throw new IllegalArgumentException(
            "%d x %d %s needs %d bytes, the memory has %d"
                .formatted(rows, columns, dtype, needed, data.byteSize()));
      }
    }
  }

  /**
   * {@return a view of a dense row-major matrix at the start of {@code data}}
   *
   * @param data the memory, which stays as it is
   * @param dtype the element type
   * @param rows output features, 0 or more
   * @param columns input features, 0 or more
   */
  public static WeightMatrix of(MemorySegment data, DType dtype, int rows, int columns) {
    return new WeightMatrix(data, dtype, rows, columns, columns, 1);
  }

  /**
   * {@return a view of a dense row-major matrix of F32 in an array, whose elements change with it}
   *
   * @param values row after row, at least rows * columns of them
   * @param rows output features, 0 or more
   * @param columns input features, 0 or more
   * @throws IllegalArgumentException if a size is negative or the array is too short
   */
  public static WeightMatrix of(float[] values, int rows, int columns) {
    return of(MemorySegment.ofArray(values), DType.F32, rows, columns);
  }

  /**
   * {@return the view with rows and columns exchanged: the matrix that a layer stored as [in, out]
   * stands for}
   */
  public WeightMatrix transposed() {
    return new WeightMatrix(data, dtype, columns, rows, columnStride, rowStride);
  }

  /**
   * {@return a view of {@code count} rows from row {@code from}}
   *
   * @param from the first row
   * @param count how many rows
   */
  public WeightMatrix rows(int from, int count) {
    Objects.checkFromIndexSize(from, count, rows);
    long start = Math.min(data.byteSize(), byteOffset(from, 0));
    return new WeightMatrix(data.asSlice(start), dtype, count, columns, rowStride, columnStride);
  }

  /**
   * {@return where element (row, column) starts in {@link #data()}, in bytes}
   *
   * @param row its row, from 0
   * @param column its column, from 0
   */
  public long byteOffset(int row, int column) {
    return (row * rowStride + column * columnStride) * dtype.bytes();
  }

  /** {@return whether each row's elements lie side by side} */
  public boolean hasDenseRows() {
    return columnStride == 1;
  }

  /**
   * {@return the memory from the first element to the last one, with all that lies in between;
   * empty if there is no element}
   */
  public MemorySegment span() {
    if (elements() == 0) {
      return data.asSlice(0, 0);
    }
    return data.asSlice(0, byteOffset(rows - 1, columns - 1) + dtype.bytes());
  }

  /** {@return the number of elements} */
  public long elements() {
    return (long) rows * columns;
  }

  @Override
  public float get(int row, int column) {
    Objects.checkIndex(row, rows);
    Objects.checkIndex(column, columns);
    return dtype.value(data, byteOffset(row, column));
  }

  /**
   * Sets element (row, column) to the nearest number of its type, as {@link DType#bits(float)}
   * rounds.
   *
   * @param row its row, from 0
   * @param column its column, from 0
   * @param value any number
   */
  public void set(int row, int column, float value) {
    dtype.put(data, byteOffset(row, column), value);
  }

  /**
   * Widens a part of a row exactly to float32. Rows whose elements lie side by side are only read
   * by bulk copies, as {@link DType#read} says.
   *
   * @param row its row, from 0
   * @param column the first element's column, from 0
   * @param count how many elements, all of them in the row
   * @param to receives the numbers
   * @param offset where in it the first goes
   */
  @Override
  public void read(int row, int column, int count, float[] to, int offset) {
    dtype.read(data, byteOffset(row, column), columnStride, to, offset, count);
  }

  /** Returns shape and type, and the strides of a view that isn't dense. */
  @Override
  public String toString() {
    String strides =
        rowStride == columns && columnStride == 1
            ? ""
            : ", strides %d and %d".formatted(rowStride, columnStride);
    return "WeightMatrix[%d x %d %s%s]".formatted(rows, columns, dtype, strides);
  }
}
