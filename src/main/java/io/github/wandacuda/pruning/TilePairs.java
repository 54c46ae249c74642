package io.github.wandacuda.pruning;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.mask.TileBuffers;

/**
 * Two buffers for each worker, for a piece of the source and for the same piece of its copy,
 * growing as needed.
 *
 * @param dense for the source
 * @param pruned for the copy, whether that is pruned or not
 */
public record TilePairs(TileBuffers dense, TileBuffers pruned) implements AutoCloseable {
  /**
   * Returns buffers that Java code alone looks at, small enough for a core's cache.
   *
   * @param workers a pair is made for each
   */
  public static TilePairs of(int workers) {
    return new TilePairs(TileBuffers.inCache(workers), TileBuffers.inCache(workers));
  }

  /**
   * Enlarges the buffers if necessary; no worker may use them meanwhile.
   *
   * @param bytes of each
   */
  public void reserve(long bytes) {
    dense.reserve(bytes);
    pruned.reserve(bytes);
  }

  /** Returns how many bytes a piece should have. */
  public long pieceBytes() {
    return dense.tileBytes();
  }

  /**
   * Returns a module's tiles, which are only read.
   *
   * @param file the module's own or one with the same layout
   * @param buffers one of the two
   */
  public static ModuleTiles tiles(LinearModule module, SafetensorsFile file, TileBuffers buffers) {
    return new ModuleTiles(module, file, null, buffers, new PhaseClock(buffers.workers()));
  }

  @Override
  public void close() {
    dense.close();
    pruned.close();
  }
}
