package io.github.wandacuda.model.decoder;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.io.checkpoint.Checkpoint;
import io.github.wandacuda.system.Rethrow;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The memory of a block's weights. A thread reads some of them before they are needed, while the
 * block before is computed with; it is never interrupted, so that the files that it reads stay open
 * when a run is cancelled.
 */
final class BlockMemory implements AutoCloseable {
  /**
   * What is read ahead at most: a block of seven billion parameters isn't read ahead as a whole.
   */
  private static final long MOST_BYTES = 256L << 20;

  private static final long ALIGNMENT = 64;

  private final int block;
  private final Arena arena = Arena.ofShared();
  private final Thread thread;
  private final Map<String, MemorySegment> tensors = new HashMap<>();
  private volatile boolean wanted = true;
  private Throwable failure;

  /**
   * Begins to read.
   *
   * @param block the block's index
   * @param entries the tensors to read ahead, in the order in which they will be asked for
   */
  BlockMemory(int block, List<Checkpoint.Entry> entries) {
    this.block = block;
    allocate(entries);
    thread =
        Thread.ofPlatform()
            .daemon()
            .name("wanda-cuda-read-ahead")
            .unstarted(() -> readAll(entries));
    if (!entries.isEmpty()) {
      thread.start();
    }
  }

  /** Done by the caller, since the C library keeps what a thread that has ended had allocated. */
  private void allocate(List<Checkpoint.Entry> entries) {
    long bytes = 0;
    for (Checkpoint.Entry entry : entries) {
      bytes += entry.info().bytes();
      if (bytes > MOST_BYTES) {
        return;
      }
      tensors.put(entry.info().name(), arena.allocate(entry.info().bytes(), ALIGNMENT));
    }
  }

  private void readAll(List<Checkpoint.Entry> entries) {
    try {
      for (Checkpoint.Entry entry : entries) {
        MemorySegment memory = tensors.get(entry.info().name());
        if (memory == null || !wanted) {
          return;
        }
        entry.shard().read(entry.info(), 0, memory);
      }
    } catch (RuntimeException | Error e) {
      failure = e;
    }
  }

  /** Returns whether this is the memory of a block. */
  boolean isOf(int index) {
    return block == index;
  }

  /** Returns what owns the memory. */
  Arena arena() {
    return arena;
  }

  /**
   * Waits until the tensors are read.
   *
   * @return their bytes by their names, without those that were too many
   * @throws CancelledException if the caller is interrupted
   * @throws RuntimeException what reading threw
   */
  Map<String, MemorySegment> tensors() {
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancelledException();
    }
    Rethrow.unchecked(failure);
    return tensors;
  }

  /** Reads no more and frees the memory. */
  @Override
  public void close() {
    wanted = false;
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    arena.close();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
