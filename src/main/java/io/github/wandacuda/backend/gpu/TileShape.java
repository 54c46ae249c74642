package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;

/**
 * What a tile of a matrix takes on the device.
 *
 * @param dtype the weights' type
 * @param rows rows of the matrix
 * @param columns elements of a row
 * @param inPlace whether its weights are on the device already, as the kernels want them
 */
record TileShape(DType dtype, int rows, int columns, boolean inPlace) {
  /** Returns the bytes from a row of weights to the next, as kernels want them. */
  long pitch() {
    return RowLayout.devicePitch(columns, dtype);
  }

  /** Returns the bytes from a row of the mask to the next. */
  long maskPitch() {
    return (long) Math.ceilDiv(columns, Integer.SIZE) * Integer.BYTES;
  }

  /** Returns the bytes of a row by which tiles are cut: its weights or, in place, the rest. */
  long rowBytes() {
    return inPlace ? maskPitch() + GpuSelectKernels.REPORT_INTS * Integer.BYTES : pitch();
  }

  /** Returns rows of weights, {@code count} of them, from {@code start} on. */
  DeviceRows at(DevicePointer start, int count) {
    return RowLayout.onDevice(start, dtype, count, columns);
  }
}
