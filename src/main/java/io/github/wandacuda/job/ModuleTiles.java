package io.github.wandacuda.job;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.RowTiles;
import io.github.wandacuda.pruning.TileBuffers;
import io.github.wandacuda.pruning.TileSource;
import java.lang.foreign.MemorySegment;

/**
 * The tiles of a module's weight: read from its file and written to a shard, or held in memory,
 * where they are pruned and stay.
 */
class ModuleTiles implements TileSource {
  private final LinearModule module;
  private final SafetensorsFile file;
  private final ShardWriter writer;
  private final ModuleRequest.HeldWeight held;
  private final TileBuffers buffers;
  private final PhaseClock clock;
  private final DType dtype;
  private final long rowBytes;
  private final RowTiles tiles;

  /**
   * Prepares a module's tiles, which aren't written without a writer. It enlarges the buffers, so
   * no worker may use them meanwhile.
   */
  ModuleTiles(
      LinearModule module,
      SafetensorsFile file,
      ShardWriter writer,
      TileBuffers buffers,
      PhaseClock clock) {
    this(module, file, writer, null, buffers, clock);
    buffers.reserve(tiles.tileRows() * rowBytes);
  }

  private ModuleTiles(
      LinearModule module,
      SafetensorsFile file,
      ShardWriter writer,
      ModuleRequest.HeldWeight held,
      TileBuffers buffers,
      PhaseClock clock) {
    this.module = module;
    this.file = file;
    this.writer = writer;
    this.held = held;
    this.buffers = buffers;
    this.clock = clock;
    dtype = module.tensor().type().orElseThrow();
    rowBytes = (long) module.columns() * dtype.bytes();
    tiles =
        RowTiles.of(
            module.rows(), rowBytes, !module.transposed(), buffers.tileBytes(), buffers.workers());
  }

  /** Cuts a weight that is held, as {@code buffers} say. */
  static ModuleTiles of(
      LinearModule module, ModuleRequest.HeldWeight held, TileBuffers buffers, PhaseClock clock) {
    return new ModuleTiles(module, module.shard(), null, held, buffers, clock);
  }

  @Override
  public RowTiles tiles() {
    return tiles;
  }

  @Override
  public int columns() {
    return module.columns();
  }

  @Override
  public WeightMatrix read(int worker, int tile) {
    MemorySegment bytes = bytes(worker, tile);
    if (held == null || !held.filled()) {
      long start = System.nanoTime();
      file.read(module.tensor(), from(tile), bytes);
      clock.addReadWrite(System.nanoTime() - start);
    }
    return module.transposed()
        ? module.view(bytes)
        : WeightMatrix.of(bytes, dtype, tiles.rowsOf(tile), module.columns());
  }

  @Override
  public void write(int worker, int tile) {
    if (writer != null) {
      long start = System.nanoTime();
      writer.write(module.tensor(), from(tile), bytes(worker, tile));
      clock.addReadWrite(System.nanoTime() - start);
    }
  }

  private long from(int tile) {
    return tiles.firstRow(tile) * rowBytes;
  }

  final long largestBytes() {
    return tiles.tileRows() * rowBytes;
  }

  /** Returns the memory of a tile, valid from its read to its write. */
  final MemorySegment bytes(int worker, int tile) {
    long count = tiles.rowsOf(tile) * rowBytes;
    return held == null ? buffers.of(worker, count) : held.bytes().asSlice(from(tile), count);
  }
}
