package io.github.wandacuda.pruning;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.system.OnFailure;
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

  private final int workers;
  private final long tileBytes;
  private final BiFunction<Long, Arena, MemorySegment> source;
  private Arena arena;
  private List<MemorySegment> buffers;

  TileBuffers(int workers, long tileBytes, BiFunction<Long, Arena, MemorySegment> source) {
    this.workers = workers;
    this.tileBytes = tileBytes;
    this.source = source;
  }

  /** Buffers of tiles that a backend works on. */
  public static TileBuffers of(Backend backend) {
    return new TileBuffers(backend.concurrency(), backend.tileBytes(), backend::hostMemory);
  }

  /** Buffers of tiles that are only looked at by Java code. */
  public static TileBuffers inCache(int workers) {
    return new TileBuffers(workers, IN_CACHE, (bytes, arena) -> arena.allocate(bytes, CACHE_LINE));
  }

  public int workers() {
    return workers;
  }

  /** Returns the bytes of a tile, which a matrix of longer rows may exceed. */
  public long tileBytes() {
    return tileBytes;
  }

  /** Makes the buffers large enough; their content may be lost, so no worker may be at work. */
  @SuppressWarnings("MustBeClosedChecker") // Closed when they grow and with the buffers.
  public void reserve(long bytes) {
    if (arena == null || buffers.getFirst().byteSize() < bytes) {
      close();
      Arena larger = Arena.ofShared();
      buffers =
          OnFailure.close(
              larger::close,
              () -> Stream.generate(() -> source.apply(bytes, larger)).limit(workers).toList());
      arena = larger;
    }
  }

  public MemorySegment of(int worker) {
    return buffers.get(worker);
  }

  public MemorySegment of(int worker, long bytes) {
    return of(worker).asSlice(0, bytes);
  }

  @Override
  public void close() {
    if (arena != null) {
      arena.close();
      arena = null;
    }
  }
}
