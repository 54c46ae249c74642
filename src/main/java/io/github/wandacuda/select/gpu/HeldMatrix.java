package io.github.wandacuda.select.gpu;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.device.DeviceRows;

/**
 * A matrix that lies on the device and in host memory too: kernels prune the one, and nothing of it
 * travels.
 *
 * @param host the same elements, as they were
 */
record HeldMatrix(DeviceRows rows, WeightMatrix host) implements SlotMatrix {
  @Override
  public TileShape shape() {
    return new TileShape(rows.dtype(), rows.rows(), rows.columns(), true);
  }

  @Override
  public DeviceRows bring(SlotMemory.Tile tile, int first, int count) {
    return rows.rowRange(first, count);
  }

  @Override
  public void takeBack(DeviceRows pruned, int first) {}

  @Override
  public float element(int row, int column) {
    return host.get(row, column);
  }
}
