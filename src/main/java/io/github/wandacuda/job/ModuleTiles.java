package io.github.wandacuda.job;

import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.RowTiles;
import io.github.wandacuda.pruning.TileBuffers;
import io.github.wandacuda.pruning.TileSource;
import java.lang.foreign.MemorySegment;

/** The tiles of a module's weight, read from its file and written to a shard. */
final class ModuleTiles implements TileSource {
  private final LinearModule module;
  private final SafetensorsFile file;
  private final ShardWriter writer;
  private final PhaseClock clock;
  private final ModuleRows rows;
  private final TileBuffers buffers;

  /**
   * Prepares a module's tiles.
   *
   * @param file the file to read, the module's own or one with the same layout
   * @param writer writes tiles, or null if none is written
   * @param buffers the workers' buffers; they are enlarged here, so no worker may use them
   *     meanwhile
   */
  public ModuleTiles(
      LinearModule module,
      SafetensorsFile file,
      ShardWriter writer,
      TileBuffers buffers,
      PhaseClock clock) {
    this.module = module;
    this.file = file;
    this.writer = writer;
    this.buffers = buffers;
    this.clock = clock;
    rows = ModuleRows.of(module, buffers.memory());
    buffers.reserve(largestBytes());
  }

  @Override
  public RowTiles tiles() {
    return rows.tiles();
  }

  @Override
  public int columns() {
    return module.columns();
  }

  @Override
  public WeightMatrix read(int worker, int tile) {
    long start = System.nanoTime();
    MemorySegment bytes = bytes(worker, tile);
    file.read(module.tensor(), rows.from(tile), bytes);
    clock.addReadWrite(System.nanoTime() - start);
    return rows.view(bytes, tile);
  }

  @Override
  public void write(int worker, int tile) {
    long start = System.nanoTime();
    writer.write(module.tensor(), rows.from(tile), bytes(worker, tile));
    clock.addReadWrite(System.nanoTime() - start);
  }

  /** Returns the bytes of the largest tile. */
  public long largestBytes() {
    return rows.tiles().tileRows() * rows.rowBytes();
  }

  /** Returns the memory of a tile, valid from its read to its write. */
  MemorySegment bytes(int worker, int tile) {
    return buffers.of(worker, rows.bytes(tile));
  }
}
