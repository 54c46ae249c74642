package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.TileBuffers;
import io.github.wandacuda.pruning.TileMemory;
import io.github.wandacuda.pruning.TileSource;
import java.lang.foreign.MemorySegment;

/**
 * Two buffers for each worker: for a piece of the source and for the same piece of its copy, pruned
 * or not.
 */
final class TilePairs implements AutoCloseable {
  private final TileBuffers denseBuffers;
  private final TileBuffers prunedBuffers;

  /** Makes buffers that grow as they are used. */
  public TilePairs(int workers) {
    TileMemory memory = TileMemory.inCache(workers);
    denseBuffers = new TileBuffers(memory);
    prunedBuffers = new TileBuffers(memory);
  }

  /** Enlarges the buffers if necessary; no worker may use them meanwhile. */
  void reserve(long bytes) {
    denseBuffers.reserve(bytes);
    prunedBuffers.reserve(bytes);
  }

  /** Returns the size of a piece in bytes. */
  public long pieceBytes() {
    return denseBuffers.memory().tileBytes();
  }

  /** Returns a worker's memory for a piece of the source. */
  MemorySegment dense(int worker, long bytes) {
    return denseBuffers.of(worker, bytes);
  }

  /** Returns a worker's memory for a piece of the pruned copy. */
  MemorySegment pruned(int worker, long bytes) {
    return prunedBuffers.of(worker, bytes);
  }

  /** Returns a module's tiles in the source. */
  TileSource dense(LinearModule module, SafetensorsFile file) {
    return tiles(module, file, denseBuffers);
  }

  /** Returns a module's tiles in the pruned copy. */
  TileSource pruned(LinearModule module, SafetensorsFile file) {
    return tiles(module, file, prunedBuffers);
  }

  private static TileSource tiles(LinearModule module, SafetensorsFile file, TileBuffers buffers) {
    return new ModuleTiles(module, file, null, buffers, new PhaseClock(buffers.memory().workers()));
  }

  @Override
  public void close() {
    denseBuffers.close();
    prunedBuffers.close();
  }
}
