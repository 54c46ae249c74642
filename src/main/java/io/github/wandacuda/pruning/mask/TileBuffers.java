package io.github.wandacuda.pruning.mask;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.system.GrowingMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.BiFunction;
import java.util.stream.Stream;

/**
 * A buffer for each worker, kept from one matrix to the next and replaced when a larger one is
 * asked for: pinning a buffer for a GPU takes longer than pruning what fits into it. A worker has
 * one tile in it at a time.
 */
public final class TileBuffers implements AutoCloseable {
  private static final long CACHE_LINE = 64;
  private static final long IN_CACHE = 256 << 10;

  private final long tileBytes;
  private final List<GrowingMemory> buffers;

  TileBuffers(int workers, long tileBytes, BiFunction<Long, Arena, MemorySegment> source) {
    this.tileBytes = tileBytes;
    buffers = Stream.generate(() -> new GrowingMemory(source)).limit(workers).toList();
  }

  /** Returns buffers of tiles that a backend works on, in memory that suits it. */
  public static TileBuffers of(Backend backend) {
    return new TileBuffers(backend.concurrency(), backend.tileBytes(), backend::hostMemory);
  }

  /**
   * Returns buffers of tiles that only Java code looks at: small enough to stay in a core's cache.
   *
   * @param workers a buffer is made for each
   */
  public static TileBuffers inCache(int workers) {
    return new TileBuffers(workers, IN_CACHE, (bytes, arena) -> arena.allocate(bytes, CACHE_LINE));
  }

  /** Returns how many workers have a buffer. */
  public int workers() {
    return buffers.size();
  }

  /** Returns the bytes of a tile, which a matrix of longer rows may exceed. */
  public long tileBytes() {
    return tileBytes;
  }

  /**
   * Makes the buffers large enough; their content may be lost, so no worker may be at work.
   *
   * @param bytes of each
   */
  public void reserve(long bytes) {
    buffers.forEach(buffer -> buffer.atLeast(bytes));
  }

  /** Returns the whole of a worker's buffer. */
  public MemorySegment of(int worker) {
    return buffers.get(worker).atLeast(0);
  }

  /**
   * Returns the first bytes of a worker's buffer, which must have been {@linkplain #reserve
   * reserved}.
   */
  public MemorySegment of(int worker, long bytes) {
    return of(worker).asSlice(0, bytes);
  }

  @Override
  public void close() {
    buffers.forEach(GrowingMemory::close);
  }
}
