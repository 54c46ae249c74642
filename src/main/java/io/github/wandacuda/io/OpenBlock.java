package io.github.wandacuda.io;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * A part of a file that is being put together in memory from pieces, which may come in any order.
 * The queue's lock guards all but the memory's content.
 */
final class OpenBlock {
  private final BlockWriter file;
  private final long start;
  private final MemorySegment memory;
  private final int size;
  private final NavigableMap<Integer, Integer> runs = new TreeMap<>();
  private int filled;

  /** How many threads copy into it. */
  int users;

  /**
   * Begins a block.
   *
   * @param start its place in the file
   * @param size its bytes, fewer than the memory's at the file's end
   */
  OpenBlock(BlockWriter file, long start, int size, MemorySegment memory) {
    this.file = file;
    this.start = start;
    this.size = size;
    this.memory = memory;
  }

  BlockWriter file() {
    return file;
  }

  long start() {
    return start;
  }

  MemorySegment memory() {
    return memory;
  }

  /** Notes that {@code count} bytes from {@code from} on are there. */
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

  boolean isFull() {
    return filled == size;
  }

  /** Returns the parts that are there, as the begin and end of each within the block. */
  Map<Integer, Integer> runs() {
    return runs;
  }
}
