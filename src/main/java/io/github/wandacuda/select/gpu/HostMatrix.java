package io.github.wandacuda.select.gpu;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.device.DeviceRows;

/**
 * A matrix in host memory, whose tiles travel to the device and back.
 *
 * @param destination where results go, or null where there are none
 */
record HostMatrix(TileTransfer transfer, WeightMatrix source, WeightMatrix destination)
    implements SlotMatrix {
  @Override
  public TileShape shape() {
    return new TileShape(source.dtype(), source.rows(), source.columns(), false);
  }

  @Override
  public DeviceRows bring(SlotMemory.Tile tile, int first, int count) {
    DeviceRows rows = shape().at(tile.weights(), count);
    transfer.upload(source.rows(first, count), rows);
    return rows;
  }

  @Override
  public void takeBack(DeviceRows pruned, int first) {
    if (destination != null) {
      transfer.download(pruned, destination.rows(first, pruned.rows()));
    }
  }

  @Override
  public float element(int row, int column) {
    return source.get(row, column);
  }
}
