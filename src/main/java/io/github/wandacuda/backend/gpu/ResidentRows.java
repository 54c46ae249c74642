package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.select.ResidentMatrix;

/** A matrix on a device, whose rows lie as kernels want them. */
record ResidentRows(DeviceRows matrix) implements ResidentMatrix {
  /** Checks how the rows lie. */
  public ResidentRows {
    if (!matrix.isAligned()) {
      throw new IllegalArgumentException("rows every %d bytes".formatted(matrix.pitch()));
    }
  }

  @Override
  public int rows() {
    return matrix.rows();
  }

  @Override
  public int columns() {
    return matrix.columns();
  }
}
