package io.github.wandacuda.backend.gpu;

/** A matrix that goes through a slot, tile by tile. */
interface SlotMatrix {
  /** Returns the room that a tile of it takes. */
  TileShape shape();

  /**
   * Queues what makes rows ready for the kernels.
   *
   * @return the rows, which the kernels may write to
   */
  DeviceRows bring(SlotMemory.Tile tile, int first, int count);

  /** Takes rows that are pruned to where the result goes, and waits for the end. */
  void takeBack(DeviceRows pruned, int first);

  /** Returns an element of a row that wasn't taken back. */
  float element(int row, int column);
}
