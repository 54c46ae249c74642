package io.github.wandacuda.checkpoint;

import io.github.wandacuda.error.CancelledException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executor;

/**
 * The blocks of all files that a run reads from the device: those on their way and those that wait
 * to be used. A block is forgotten when all of it was used, or when another needs its memory.
 *
 * <p>A reader asks for the blocks ahead by {@link #prepare}, copies from each between {@link
 * #enter} and {@link #leave}, and need not leave them in any order.
 */
final class ReadQueue {
  /** Blocks in memory at most: 32 MiB. */
  private static final int MOST = 32;

  private final Executor threads;
  private final Arena arena;
  private final Deque<MemorySegment> free = new ArrayDeque<>();
  private final Map<Place, Block> blocks = new LinkedHashMap<>(MOST, 0.75f, true);
  private int made;
  private boolean ended;

  private record Place(BlockReader file, long start) {}

  /** A block and its state; the queue's lock guards all but the memory's content. */
  static final class Block {
    private final Place place;
    final MemorySegment memory;
    private int users;
    private long used;

    /** Bytes that the file has of it; -1 until it is entered. */
    int length = -1;

    private IOException failure;

    Block(Place place, MemorySegment memory) {
      this.place = place;
      this.memory = memory;
    }

    private boolean isThere() {
      return length >= 0 || failure != null;
    }
  }

  /**
   * Makes an empty queue.
   *
   * @param threads read the blocks; never interrupted, since that would close a file
   * @param arena gives the blocks' memory, and must stay open until the threads have ended
   */
  ReadQueue(Executor threads, Arena arena) {
    this.threads = threads;
    this.arena = arena;
  }

  /**
   * Returns whether a block is in memory or on its way.
   *
   * @param start of the block in the file, in bytes
   */
  synchronized boolean has(BlockReader file, long start) {
    return !ended && blocks.containsKey(new Place(file, start));
  }

  /**
   * Begins to read a block that will be used soon. Does nothing if that has begun, or all memory is
   * in use.
   */
  synchronized void prepare(BlockReader file, long start) {
    Place place = new Place(file, start);
    if (!ended && !blocks.containsKey(place)) {
      begin(place);
    }
  }

  /**
   * Returns a block for the caller to copy from, once it is there. Its memory stays as it is until
   * {@link #leave}.
   *
   * @param start of the block in the file, in bytes
   * @return null if the queue has ended
   * @throws IOException if it can't be read
   * @throws CancelledException if the thread is interrupted while it waits
   */
  synchronized Block enter(BlockReader file, long start) throws IOException {
    Place place = new Place(file, start);
    Block block = ended ? null : blocks.get(place);
    while (block == null && !ended) {
      block = begin(place);
      if (block == null) {
        await();
        block = blocks.get(place);
      }
    }
    if (block == null) {
      return null;
    }
    block.users++;
    try {
      while (!block.isThere()) {
        await();
      }
      if (block.failure != null) {
        throw block.failure;
      }
      return block;
    } catch (IOException | RuntimeException | Error e) {
      leave(block, 0);
      throw e;
    }
  }

  /**
   * Takes a block back.
   *
   * @param count how many bytes of it were used; a block of which all bytes were used is forgotten
   */
  synchronized void leave(Block block, long count) {
    block.users--;
    block.used += count;
    if (block.users == 0 && (block.failure != null || block.used >= block.length)) {
      forget(block);
    }
    notifyAll();
  }

  /** Reads no more blocks; threads that wait for one get null. */
  synchronized void end() {
    ended = true;
    notifyAll();
  }

  private Block begin(Place place) {
    if (free.isEmpty() && made == MOST) {
      Optional<Block> eldest =
          blocks.values().stream().filter(one -> one.users == 0 && one.isThere()).findFirst();
      eldest.ifPresent(this::forget);
    }
    MemorySegment memory = free.poll();
    if (memory == null && made < MOST) {
      made++;
      memory = arena.allocate(BlockWriter.BLOCK, BlockWriter.ALIGNMENT);
    }
    if (memory == null) {
      return null;
    }
    Block block = new Block(place, memory);
    blocks.put(place, block);
    threads.execute(() -> read(block));
    return block;
  }

  private void forget(Block block) {
    if (block.isThere() && blocks.remove(block.place, block)) {
      free.push(block.memory);
    }
  }

  private void read(Block block) {
    int length = -1;
    IOException failure = null;
    try {
      length = block.place.file().fetch(block.place.start(), block.memory);
    } catch (IOException e) {
      failure = e;
    } catch (RuntimeException | Error e) {
      failure = DirectIo.failure(e);
    }
    synchronized (this) {
      block.length = length;
      block.failure = failure;
      notifyAll();
    }
  }

  private void await() {
    CancelledException.waiting(this::wait);
  }
}
