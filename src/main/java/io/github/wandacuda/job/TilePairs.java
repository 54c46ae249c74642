package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.TileBuffers;

/** Two buffers for each worker, for pieces of the source and its copy, growing as needed. */
record TilePairs(TileBuffers dense, TileBuffers pruned) implements AutoCloseable {
  static TilePairs of(int workers) {
    return new TilePairs(TileBuffers.inCache(workers), TileBuffers.inCache(workers));
  }

  /** Enlarges the buffers if necessary; no worker may use them meanwhile. */
  void reserve(long bytes) {
    dense.reserve(bytes);
    pruned.reserve(bytes);
  }

  long pieceBytes() {
    return dense.tileBytes();
  }

  /** Returns a module's tiles, read from a file into one of the two. */
  static ModuleTiles tiles(LinearModule module, SafetensorsFile file, TileBuffers buffers) {
    return new ModuleTiles(module, file, null, buffers, new PhaseClock(buffers.workers()));
  }

  @Override
  public void close() {
    dense.close();
    pruned.close();
  }
}
