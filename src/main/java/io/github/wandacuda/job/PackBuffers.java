package io.github.wandacuda.job;

import io.github.wandacuda.pruning.TileBuffers;
import io.github.wandacuda.pruning.TileMemory;
import io.github.wandacuda.scalar.RowPacking;

/**
 * Each worker's memory for a tile of rows, and for what it is packed to.
 *
 * @param values the elements that are kept
 * @param masks which those are
 * @param offsets where those of each row begin
 */
record PackBuffers(TileBuffers rows, TileBuffers values, TileBuffers masks, TileBuffers offsets)
    implements AutoCloseable {

  static PackBuffers of(int workers) {
    TileMemory memory = TileMemory.inCache(workers);
    TileBuffers rows = new TileBuffers(memory);
    rows.reserve(memory.tileBytes());
    return new PackBuffers(
        rows, new TileBuffers(memory), new TileBuffers(memory), new TileBuffers(memory));
  }

  /** Enlarges the buffers for a module's tiles; no worker may use them meanwhile. */
  void reserve(ModulePlan module) {
    long count = module.tiles().tileRows();
    rows.reserve(count * module.rowBytes());
    values.reserve(count * module.rowBytes() + RowPacking.SLACK);
    masks.reserve(count * module.maskRowBytes());
    offsets.reserve(count * Long.BYTES);
  }

  @Override
  public void close() {
    rows.close();
    values.close();
    masks.close();
    offsets.close();
  }
}
