package io.github.wandacuda.pruning;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Memory for the masks of the modules under way, used again for those that follow: as much as is in
 * use at once, whatever the number of modules.
 */
public final class MaskPool implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final Deque<MemorySegment> free = new ArrayDeque<>();
  private final long bytes;

  /** Creates an empty pool; the largest mask has so many bytes. */
  public MaskPool(long bytes) {
    this.bytes = bytes;
  }

  /** Returns memory for any mask, with any content. */
  public synchronized MemorySegment take() {
    return free.isEmpty() ? arena.allocate(bytes) : free.pop();
  }

  public synchronized void giveBack(MemorySegment mask) {
    free.push(mask);
  }

  @Override
  public void close() {
    arena.close();
  }
}
