package io.github.wandacuda.system;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.BiFunction;

/** Memory that is kept from one use to the next and replaced when it is too small. */
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

  public GrowingMemory(BiFunction<Long, Arena, MemorySegment> source) {
    this.source = source;
  }

  /** Returns memory of some bytes or more, whose content is lost if it is larger than before. */
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

  /** Returns {@code bytes} bytes, whose content is undefined. */
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
