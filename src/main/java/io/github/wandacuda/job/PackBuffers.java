package io.github.wandacuda.job;

import io.github.wandacuda.pruning.TileBuffers;
import io.github.wandacuda.pruning.TileMemory;
import io.github.wandacuda.scalar.RowPacking;
import java.lang.foreign.MemorySegment;

/** Each worker's memory for a tile of rows, and for what it is packed to. */
final class PackBuffers implements AutoCloseable {
  private final TileBuffers rows;
  private final TileBuffers values;
  private final TileBuffers masks;
  private final TileBuffers offsets;

  PackBuffers(int workers) {
    TileMemory memory = TileMemory.inCache(workers);
    rows = new TileBuffers(memory);
    values = new TileBuffers(memory);
    masks = new TileBuffers(memory);
    offsets = new TileBuffers(memory);
    rows.reserve(memory.tileBytes());
  }

  /** Enlarges the buffers for a module's tiles; no worker may use them meanwhile. */
  void reserve(ModulePlan module) {
    long count = module.tiles().tileRows();
    rows.reserve(count * module.rowBytes());
    values.reserve(count * module.rowBytes() + RowPacking.SLACK);
    masks.reserve(count * module.maskRowBytes());
    offsets.reserve(count * Long.BYTES);
  }

  long tileBytes() {
    return rows.memory().tileBytes();
  }

  int workers() {
    return rows.memory().workers();
  }

  MemorySegment rows(int worker, long bytes) {
    return rows.of(worker, bytes);
  }

  MemorySegment values(int worker, long bytes) {
    return values.of(worker, bytes);
  }

  MemorySegment masks(int worker, long bytes) {
    return masks.of(worker, bytes);
  }

  MemorySegment offsets(int worker, long bytes) {
    return offsets.of(worker, bytes);
  }

  @Override
  public void close() {
    rows.close();
    values.close();
    masks.close();
    offsets.close();
  }
}
