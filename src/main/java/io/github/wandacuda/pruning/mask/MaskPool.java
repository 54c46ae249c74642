package io.github.wandacuda.pruning.mask;

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

  /**
   * Creates an empty pool.
   *
   * @param bytes of the largest mask
   */
  public MaskPool(long bytes) {
    this.bytes = bytes;
  }

  private synchronized MemorySegment take() {
    return free.isEmpty() ? arena.allocate(bytes) : free.pop();
  }

  /**
   * Returns a mask, which takes memory when it is first asked for.
   *
   * @param length in bytes, at most the largest mask's
   */
  public Mask mask(long length) {
    return new Mask(length);
  }

  /** A mask of one module, with any content at first. */
  public final class Mask {
    private final long length;
    private MemorySegment memory;

    private Mask(long length) {
      this.length = length;
    }

    /** Returns the mask's memory, the same at each call until {@link #giveBack}. */
    public synchronized MemorySegment get() {
      if (memory == null) {
        memory = take();
      }
      return memory.asSlice(0, length);
    }

    /** Leaves the memory to other masks. To be called once, after {@link #get}. */
    public void giveBack() {
      synchronized (MaskPool.this) {
        free.push(memory);
      }
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
