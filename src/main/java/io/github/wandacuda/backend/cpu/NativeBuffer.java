package io.github.wandacuda.backend.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Memory that grows and is kept from use to use. */
final class NativeBuffer implements AutoCloseable {
  private static final long ALIGNMENT = 64;

  /** Null if there is none. */
  private Block block;

  /** What is given back as a whole. */
  private static final class Block {
    private final Arena arena = Arena.ofShared();
    private final MemorySegment data;

    Block(long bytes) {
      data = arena.allocate(bytes, ALIGNMENT);
    }
  }

  /** Returns memory of some bytes or more, whose content is lost if it is larger than before. */
  MemorySegment of(long bytes) {
    if (block == null || block.data.byteSize() < bytes) {
      close();
      block = new Block(bytes);
    }
    return block.data;
  }

  @Override
  public void close() {
    if (block != null) {
      block.arena.close();
      block = null;
    }
  }
}
