package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;

/** A matrix that goes through a slot, tile by tile. */
interface SlotMatrix {
  TileShape shape();

  /** Lets a slot's work begin when the matrix is ready. */
  default void begin(DeviceQueue queue) {}

  /**
   * Queues what makes rows ready for the kernels.
   *
   * @param room memory of the slot for them, or null where they are in place
   * @return the rows, which the kernels may write to
   */
  DeviceRows bring(SelectionSlot slot, DevicePointer room, int first, int count);

  /**
   * Takes rows that are pruned to where the result goes, and waits for the end.
   *
   * @param mask of these rows on the device, or null
   */
  void takeBack(SelectionSlot slot, DeviceRows pruned, DevicePointer mask, int first);

  /** Returns an element of a row that wasn't taken back. */
  float element(SelectionSlot slot, int row, int column);

  /**
   * What a tile of a matrix takes on the device.
   *
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

    /** Returns the bytes of a row by which tiles are cut: its weights or, in place, the rest. */
    long rowBytes() {
      return inPlace ? maskPitch() + GpuSelectKernels.REPORT_INTS * Integer.BYTES : pitch();
    }

    DeviceRows at(DevicePointer start, int count) {
      return HostRows.onDevice(start, dtype, count, columns);
    }
  }
}
