package io.github.wandacuda.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.HashMap;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Host memory for the weights of a block. When a block is closed, its memory is handed to the next
 * block that is read, as far as tensors have the same sizes; the rest is freed. Getting and
 * clearing new pages takes longer than reading a block from the page cache: calibrating three
 * blocks of 1.2 GB took 1.9 s of system time where it had taken 2.8 s. The content of memory that
 * is handed out is undefined. Several threads may take memory of one block at a time; it is closed
 * before the decoder.
 *
 * @param free memory of a block of the decoder that was closed, by its bytes; all blocks of the
 *     decoder share it
 * @param taken what this block has taken and will leave to the next
 * @param small owns the memory that is freed with this block
 */
@SuppressWarnings("MustBeClosedChecker") // Closed with this block, or when it is freed.
record BlockMemory(
    Map<Long, Queue<BlockMemory.Piece>> free, Queue<BlockMemory.Piece> taken, Arena small)
    implements SegmentAllocator, AutoCloseable {
  /**
   * The fewest bytes of a piece that is handed on. Smaller ones share an arena, since each arena
   * that is closed stops all threads for a moment.
   */
  private static final long FEWEST = 1 << 20;

  /** Memory that has an arena of its own, so that it can be freed without the rest. */
  record Piece(Arena arena, MemorySegment memory) {}

  /** Begins without any memory, for a decoder. */
  BlockMemory() {
    this(new HashMap<>(), new ConcurrentLinkedQueue<>(), Arena.ofShared());
  }

  /** Returns memory for another block of the decoder. */
  BlockMemory next() {
    return new BlockMemory(free, new ConcurrentLinkedQueue<>(), Arena.ofShared());
  }

  @Override
  public MemorySegment allocate(long bytes, long alignment) {
    if (bytes < FEWEST) {
      return small.allocate(bytes, alignment);
    }
    Piece piece = free.getOrDefault(bytes, new ConcurrentLinkedQueue<>()).poll();
    if (piece == null) {
      Arena arena = Arena.ofShared();
      piece = new Piece(arena, arena.allocate(bytes, alignment));
    }
    taken.add(piece);
    return piece.memory();
  }

  /** Frees what no block has taken since the last one was closed. */
  void trim() {
    free.values().forEach(pieces -> pieces.forEach(piece -> piece.arena().close()));
    free.clear();
  }

  /**
   * Leaves the larger pieces to the next block, and frees the small ones and what this block didn't
   * take.
   */
  @Override
  public void close() {
    small.close();
    trim();
    for (Piece piece : taken) {
      long bytes = piece.memory().byteSize();
      free.computeIfAbsent(bytes, first -> new ConcurrentLinkedQueue<>()).add(piece);
    }
  }
}
