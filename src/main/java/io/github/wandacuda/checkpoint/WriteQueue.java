package io.github.wandacuda.checkpoint;

import io.github.wandacuda.error.CancelledException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Executor;

/**
 * The blocks of all files that a run writes: those that are put together and those that are on
 * their way to the device. Memory is bounded: when too many blocks lie incomplete, the one that was
 * touched first is written as far as it is there.
 */
final class WriteQueue {
  /** Blocks in memory at most: 48 MiB. */
  private static final int MOST = 48;

  /** Blocks that are put together at most; the others' memory is for those under way. */
  private static final int MOST_OPEN = MOST / 2;

  private final Executor threads;
  private final Arena arena;

  /**
   * Memory that no block uses. The deque is as long as it gets from the start, so that blocks come
   * back where the heap is full too.
   */
  private final Deque<MemorySegment> free = new ArrayDeque<>(MOST + 1);

  private final Map<Place, OpenBlock> open = new LinkedHashMap<>(MOST, 0.75f, true);
  private final Map<BlockWriter, TreeSet<Long>> underWay = new LinkedHashMap<>();
  private int made;
  private long tickets;

  private record Place(BlockWriter file, long start) {}

  /**
   * Makes an empty queue.
   *
   * @param threads write the blocks; never interrupted, since that would close a file
   * @param arena gives the blocks' memory, and must stay open until the threads have ended
   */
  WriteQueue(Executor threads, Arena arena) {
    this.threads = threads;
    this.arena = arena;
  }

  /**
   * Returns a block for the caller to copy into, once there is room for it.
   *
   * @param start of the block in the file, in bytes
   * @param size of the block in bytes: all of its memory, except at the file's end
   * @throws IOException if an earlier write to the file has failed
   * @throws CancelledException if the thread is interrupted while it waits
   */
  synchronized OpenBlock enter(BlockWriter file, long start, int size) throws IOException {
    Place place = new Place(file, start);
    while (true) {
      file.rethrow();
      OpenBlock block = open.get(place);
      if (block == null) {
        MemorySegment memory = room();
        if (memory != null) {
          block = new OpenBlock(file, start, size, memory);
          open.put(place, block);
        }
      }
      if (block != null) {
        block.users++;
        return block;
      }
      await();
    }
  }

  /**
   * Takes a block back, and begins to write it if it is whole now.
   *
   * @param from where in the block the caller's bytes begin
   * @param count how many bytes the caller has copied
   */
  synchronized void leave(OpenBlock block, int from, int count) {
    block.users--;
    block.add(from, count);
    if (block.users == 0 && block.filled == block.size) {
      start(block);
    }
    notifyAll();
  }

  /**
   * Writes what is there of a file's blocks between two places, and waits until all that was begun
   * before is written.
   *
   * @param from in bytes from the file's start
   * @param to exclusive
   * @throws IOException if a write to the file has failed
   * @throws CancelledException if the thread is interrupted while it waits
   */
  synchronized void flush(BlockWriter file, long from, long to) throws IOException {
    startIdle(file, from, to);
    while (!of(file, from, to).isEmpty()) {
      await();
      // Not those from before: another thread may have started them meanwhile.
      startIdle(file, from, to);
    }
    long last = tickets;
    while (isUnderWay(file, last)) {
      await();
    }
    file.rethrow();
  }

  /** Forgets a file's blocks that aren't under way; no thread may copy into them. */
  synchronized void forget(BlockWriter file) {
    for (OpenBlock block : of(file, 0, Long.MAX_VALUE)) {
      open.remove(new Place(file, block.start));
      free.push(block.memory);
    }
    notifyAll();
  }

  private void startIdle(BlockWriter file, long from, long to) {
    of(file, from, to).stream().filter(block -> block.users == 0).forEach(this::start);
  }

  private List<OpenBlock> of(BlockWriter file, long from, long to) {
    return open.values().stream()
        .filter(block -> block.file == file)
        .filter(block -> block.start < to && block.start + BlockWriter.BLOCK > from)
        .toList();
  }

  private boolean isUnderWay(BlockWriter file, long last) {
    TreeSet<Long> now = underWay.get(file);
    return now != null && now.first() <= last;
  }

  private MemorySegment room() {
    if (open.size() >= MOST_OPEN) {
      Optional<OpenBlock> eldest =
          open.values().stream().filter(block -> block.users == 0).findFirst();
      eldest.ifPresent(this::start);
    }
    if (free.isEmpty() && made < MOST) {
      made++;
      return arena.allocate(BlockWriter.BLOCK, BlockWriter.ALIGNMENT);
    }
    return free.poll();
  }

  private void start(OpenBlock block) {
    BlockWriter file = block.file;
    open.remove(new Place(file, block.start));
    long ticket = ++tickets;
    underWay.computeIfAbsent(file, first -> new TreeSet<>()).add(ticket);
    threads.execute(
        () -> {
          file.put(block);
          finished(block, ticket);
        });
  }

  private synchronized void finished(OpenBlock block, long ticket) {
    BlockWriter file = block.file;
    TreeSet<Long> left = underWay.get(file);
    left.remove(ticket);
    if (left.isEmpty()) {
      underWay.remove(file);
    }
    free.push(block.memory);
    notifyAll();
  }

  private void await() {
    CancelledException.waiting(this::wait);
  }

  /**
   * A part of a file that is being put together in memory from pieces, which may come in any order.
   * The queue's lock guards all but the memory's content.
   */
  static final class OpenBlock {
    final BlockWriter file;
    final long start;
    final MemorySegment memory;
    private final int size;

    /** The parts that are there: where each begins within the block, and where it ends. */
    final NavigableMap<Integer, Integer> runs = new TreeMap<>();

    private int filled;

    /** How many threads copy into it now. */
    int users;

    /**
     * Begins a block.
     *
     * @param start in the file, in bytes
     * @param size in bytes, smaller than its memory at the file's end
     */
    OpenBlock(BlockWriter file, long start, int size, MemorySegment memory) {
      this.file = file;
      this.start = start;
      this.size = size;
      this.memory = memory;
    }

    /**
     * Notes that bytes of the block are there.
     *
     * @param from the first of them, within the block
     * @param count how many
     */
    void add(int from, int count) {
      int begin = from;
      int end = from + count;
      Map.Entry<Integer, Integer> before = runs.floorEntry(from);
      if (before != null && before.getValue() == from) {
        begin = before.getKey();
      }
      Integer after = runs.remove(end);
      runs.put(begin, after == null ? end : after);
      filled += count;
    }
  }
}
