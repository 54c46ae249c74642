package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;

/** A matrix that goes through a slot tile by tile, from wherever it lies. */
interface SlotMatrix {
  /** Returns the matrix's shape, and whether kernels work on it in place. */
  TileShape shape();

  /** Makes a slot's queue wait until the matrix is ready. */
  default void begin(DeviceQueue queue) {}

  /**
   * Queues what makes rows ready for the kernels.
   *
   * @param room memory of the slot for them, or null if they are in place
   * @param first the first row's number
   * @param count how many rows
   * @return the rows, which the kernels may write to
   */
  DeviceRows bring(SelectionSlot slot, DevicePointer room, int first, int count);

  /**
   * Copies rows that are pruned to where the result goes, and waits for the copy.
   *
   * @param pruned the rows that {@link #bring} returned
   * @param mask of these rows on the device, or null
   * @param first the first row's number
   */
  void takeBack(SelectionSlot slot, DeviceRows pruned, DevicePointer mask, int first);

  /** Returns an element of a row that wasn't taken back, for the message about it. */
  float element(SelectionSlot slot, int row, int column);

  /**
   * A matrix as far as it determines the memory of its tiles.
   *
   * @param dtype the element type
   * @param rows rows of the whole matrix
   * @param columns of the matrix
   * @param inPlace whether its weights are on the device already, as the kernels want them
   */
  record TileShape(DType dtype, int rows, int columns, boolean inPlace) {
    /** Returns the bytes from a row of weights to the next, as kernels want them. */
    long pitch() {
      return HostRows.devicePitch(columns, dtype);
    }

    /** Returns the bytes from a row of the mask to the next. */
    long maskPitch() {
      return (long) Math.ceilDiv(columns, Integer.SIZE) * Integer.BYTES;
    }

    /**
     * Returns the bytes of a row by which tiles are cut: its weights or, if these are in place, its
     * mask and report.
     */
    long rowBytes() {
      return inPlace ? maskPitch() + GpuSelectKernels.REPORT_INTS * Integer.BYTES : pitch();
    }

    /**
     * Returns rows of the matrix's type and columns in device memory.
     *
     * @param start where the first row begins
     */
    DeviceRows at(DevicePointer start, int count) {
      return HostRows.onDevice(start, dtype, count, columns);
    }
  }
}
