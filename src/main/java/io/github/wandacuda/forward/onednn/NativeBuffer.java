package io.github.wandacuda.forward.onednn;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Memory that grows and is kept from use to use. */
final class NativeBuffer implements AutoCloseable {
  private static final long ALIGNMENT = 64;

  private Arena arena = Arena.ofShared();
  private MemorySegment data = MemorySegment.NULL;

  /** Returns memory of some bytes or more, whose content is lost if it is larger than before. */
  MemorySegment of(long bytes) {
    if (data.byteSize() < bytes) {
      arena.close();
      arena = Arena.ofShared();
      data = arena.allocate(bytes, ALIGNMENT);
    }
    return data;
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
