package io.github.wandacuda.job.record;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.pruning.MaskPool;
import io.github.wandacuda.system.Sha256;
import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;

/**
 * The SHA-256 over packed masks that several workers compute at a time, begun in their order. One
 * worker digests a mask while the others go on. A worker that gets too far ahead waits, so that
 * memory holds only a few masks, whatever the model's size.
 */
public final class MasksInOrder implements AutoCloseable {
  private static final int CHUNK = 1 << 20;

  private final int modules;
  private final int ahead;
  private final MaskPool memory;
  private final MessageDigest digest;
  private final Map<Integer, Mask> waiting = new HashMap<>();
  private int next;
  private boolean digesting;
  private boolean givenUp;

  private record Mask(MemorySegment memory, long bytes) {}

  /**
   * Starts a digest.
   *
   * @param modules the number of masks
   * @param maskBytes bytes of the largest mask
   * @param ahead how many masks may be begun before the first of them is digested
   */
  public MasksInOrder(int modules, long maskBytes, int ahead) {
    this.modules = modules;
    this.ahead = ahead;
    memory = new MaskPool(maskBytes);
    digest = Sha256.digest();
  }

  /**
   * Returns memory for the mask of module {@code index}, once it isn't too far ahead.
   *
   * @throws CancelledException if the thread is interrupted
   */
  public synchronized MemorySegment begin(int index) {
    while (index >= next + ahead && !givenUp) {
      try {
        wait();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        CancelledException.throwIfInterrupted();
      }
    }
    return memory.take();
  }

  /**
   * Takes the mask of a module.
   *
   * @param index the module's index
   * @param mask the memory from {@link #begin}, or any if the module has no weights
   * @param bytes bytes of the mask
   */
  public void finish(int index, MemorySegment mask, long bytes) {
    synchronized (this) {
      waiting.put(index, new Mask(mask, bytes));
    }
    for (Mask turn = take(); turn != null; turn = take()) {
      for (long at = 0; at < turn.bytes(); at += CHUNK) {
        long count = Math.min(CHUNK, turn.bytes() - at);
        digest.update(turn.memory().asSlice(at, count).asByteBuffer());
      }
      done(turn);
    }
  }

  /** Returns the next mask, or null if it isn't there yet or another thread digests one. */
  private synchronized Mask take() {
    if (digesting || !waiting.containsKey(next)) {
      return null;
    }
    digesting = true;
    return waiting.remove(next);
  }

  private synchronized void done(Mask mask) {
    digesting = false;
    next++;
    if (mask.bytes() > 0) {
      memory.giveBack(mask.memory());
    }
    notifyAll();
  }

  /** Wakes the workers that wait, because a mask that they wait for won't come. */
  public synchronized void giveUp() {
    givenUp = true;
    notifyAll();
  }

  /** Returns the digest in hexadecimal, after all masks were finished. */
  public synchronized String hex() {
    if (next != modules) {
      throw new IllegalStateException("%d of %d masks are there".formatted(next, modules));
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  @Override
  public void close() {
    memory.close();
  }
}
