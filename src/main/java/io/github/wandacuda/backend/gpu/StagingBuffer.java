package io.github.wandacuda.backend.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Pinned memory that is kept from one use to the next and replaced when it is too small. */
final class StagingBuffer implements AutoCloseable {
  private final PinnedMemory pinned;
  private Room room;

  public StagingBuffer(PinnedMemory pinned) {
    this.pinned = pinned;
  }

  /** Returns {@code bytes} bytes, whose content is undefined. */
  public MemorySegment exactly(long bytes) {
    if (room == null || room.memory.byteSize() < bytes) {
      close();
      room = new Room(pinned, bytes);
    }
    return room.memory.asSlice(0, bytes);
  }

  @Override
  public void close() {
    if (room != null) {
      room.arena.close();
      room = null;
    }
  }

  private static final class Room {
    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory;

    Room(PinnedMemory pinned, long bytes) {
      try {
        memory = pinned.allocate(bytes, arena);
      } catch (RuntimeException e) {
        arena.close();
        throw e;
      }
    }
  }
}
