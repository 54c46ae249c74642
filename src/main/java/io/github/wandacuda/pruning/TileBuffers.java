package io.github.wandacuda.pruning;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A buffer for each worker, kept from one matrix to the next and replaced when a larger one is
 * asked for: pinning a buffer for a GPU takes longer than pruning what fits into it. A worker has
 * one tile in it at a time.
 */
public final class TileBuffers implements AutoCloseable {
  private final TileMemory memory;
  private Room room;

  public TileBuffers(TileMemory memory) {
    this.memory = memory;
  }

  /** Returns where the buffers come from. */
  public TileMemory memory() {
    return memory;
  }

  /**
   * Makes the buffers large enough for {@code bytes} each; what was in them may be lost, so no
   * worker may be at work.
   */
  public void reserve(long bytes) {
    if (room == null || room.bytes < bytes) {
      close();
      room = new Room(memory, bytes);
    }
  }

  /** Returns the first {@code bytes} of a worker's buffer. */
  public MemorySegment of(int worker, long bytes) {
    return room.buffers[worker].asSlice(0, bytes);
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
    private final MemorySegment[] buffers;
    private final long bytes;

    Room(TileMemory memory, long bytes) {
      this.bytes = bytes;
      buffers = new MemorySegment[memory.workers()];
      try {
        for (int worker = 0; worker < buffers.length; worker++) {
          buffers[worker] = memory.source().allocate(bytes, arena);
        }
      } catch (RuntimeException | Error e) {
        arena.close();
        throw e;
      }
    }
  }
}
