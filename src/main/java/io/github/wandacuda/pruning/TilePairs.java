package io.github.wandacuda.pruning;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.mask.TileBuffers;

/** Two buffers for each worker, for pieces of the source and its copy, growing as needed. */
public record TilePairs(TileBuffers dense, TileBuffers pruned) implements AutoCloseable {
  public static TilePairs of(int workers) {
    return new TilePairs(TileBuffers.inCache(workers), TileBuffers.inCache(workers));
  }

  /** Enlarges the buffers if necessary; no worker may use them meanwhile. */
  public void reserve(long bytes) {
    dense.reserve(bytes);
    pruned.reserve(bytes);
  }

  public long pieceBytes() {
    return dense.tileBytes();
  }

  /** Returns a module's tiles, read from a file into one of the two. */
  public static ModuleTiles tiles(LinearModule module, SafetensorsFile file, TileBuffers buffers) {
    return new ModuleTiles(module, file, null, buffers, new PhaseClock(buffers.workers()));
  }

  @Override
  public void close() {
    dense.close();
    pruned.close();
  }
}
