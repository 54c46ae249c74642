package io.github.wandacuda.system;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.BiFunction;

/**
 * Memory that is kept from one use to the next and replaced when it is too small. Not safe for use
 * by several threads.
 */
public final class GrowingMemory implements AutoCloseable {
  private static final long ALIGNMENT = 64;

  private final BiFunction<Long, Arena, MemorySegment> source;

  /** Null if there is no memory. */
  private Arena arena;

  private MemorySegment memory = MemorySegment.NULL;

  /** Creates memory outside the Java heap. */
  public GrowingMemory() {
    this((bytes, arena) -> arena.allocate(bytes, ALIGNMENT));
  }

  /**
   * Creates memory of another kind.
   *
   * @param source allocates so many bytes in an arena
   */
  public GrowingMemory(BiFunction<Long, Arena, MemorySegment> source) {
    this.source = source;
  }

  /**
   * Returns memory of at least so many bytes. If it has to grow, the memory returned before is
   * freed and its content lost.
   */
  @SuppressWarnings("MustBeClosedChecker") // Closed when it grows and with this.
  public MemorySegment atLeast(long bytes) {
    if (arena == null || memory.byteSize() < bytes) {
      close();
      Arena larger = Arena.ofShared();
      memory = OnFailure.close(larger::close, () -> source.apply(bytes, larger));
      arena = larger;
    }
    return memory;
  }

  /**
   * Returns the first {@code bytes} bytes of memory that has at least so many, with undefined
   * content. Earlier memory may be freed.
   */
  public MemorySegment exactly(long bytes) {
    return atLeast(bytes).asSlice(0, bytes);
  }

  @Override
  public void close() {
    if (arena != null) {
      arena.close();
      arena = null;
    }
  }
}
