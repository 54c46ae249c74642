package io.github.wandacuda.pruning;

import io.github.wandacuda.backend.Backend;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * How a matrix is shared out to workers, and where the memory for their tiles comes from.
 *
 * @param workers how many work side by side
 * @param tileBytes bytes of a tile
 * @param source makes the memory of a tile
 */
public record TileMemory(int workers, long tileBytes, Source source) {
  private static final long CACHE_LINE = 64;
  private static final long IN_CACHE = 256 << 10;

  /** Makes memory that lasts as long as an arena. */
  @FunctionalInterface
  interface Source {
    MemorySegment allocate(long bytes, Arena arena);
  }

  /** Tiles that a backend works on. */
  public static TileMemory of(Backend backend) {
    return new TileMemory(backend.concurrency(), backend.tileBytes(), backend::hostMemory);
  }

  /** Tiles that are only looked at by Java code. */
  public static TileMemory inCache(int workers) {
    return new TileMemory(workers, IN_CACHE, (bytes, arena) -> arena.allocate(bytes, CACHE_LINE));
  }
}
