package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;

/**
 * Some rows of a {@link io.github.wandacuda.SparseMatrix} in a device's memory, in its layout.
 *
 * @param values the stored weights of the whole matrix, at a multiple of their size
 * @param bitmask the first row's bits, at a multiple of 4 bytes if rows have a multiple of 4 bytes
 * @param rowOffsets the first row's offset and the others', at a multiple of 8 bytes
 * @param dtype the type of the values
 * @param rows number of these rows
 * @param columns columns of the whole matrix
 */
public record DeviceSparse(
    DevicePointer values,
    DevicePointer bitmask,
    DevicePointer rowOffsets,
    DType dtype,
    int rows,
    int columns) {
  /**
   * Returns a view of consecutive rows.
   *
   * @param from the first row's number among these rows
   * @param count how many rows
   */
  public DeviceSparse rowRange(int from, int count) {
    long rowBytes = Math.ceilDiv(columns, Byte.SIZE);
    return new DeviceSparse(
        values,
        bitmask.plus(from * rowBytes),
        rowOffsets.plus((long) from * Long.BYTES),
        dtype,
        count,
        columns);
  }
}
