package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.tensor.WeightMatrix;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * The slots of a selector. There are as many as there are calls at a time, but no more than the
 * device has memory for: then a call waits for another's slot.
 */
final class SlotPool implements AutoCloseable {
  private final GpuDevice device;
  private final PinnedMemory pinned;
  private final long tileBytes;
  private final Deque<SelectionSlot> idle = new ArrayDeque<>();
  private int slots;
  private int mostSlots = Integer.MAX_VALUE;
  private boolean closed;

  SlotPool(GpuDevice device, PinnedMemory pinned, long tileBytes) {
    this.device = device;
    this.pinned = pinned;
    this.tileBytes = tileBytes;
  }

  /**
   * Returns a slot that has room for a row of a matrix at the least, and for counts.
   *
   * @param bins how many counts, or 0
   * @throws DeviceMemoryException if there isn't room for one even where no other slot takes any
   */
  SelectionSlot take(WeightMatrix matrix, int bins) {
    while (true) {
      SelectionSlot slot = idleOrNew();
      boolean alone = isAlone();
      try {
        slot.reserve(matrix, bins);
        return slot;
      } catch (DeviceMemoryException e) {
        alone &= isAlone();
        drop(slot);
        if (alone) {
          throw e;
        }
        fewer();
      } catch (RuntimeException e) {
        drop(slot);
        throw e;
      }
    }
  }

  private SelectionSlot idleOrNew() {
    SelectionSlot slot = idleOrNone();
    if (slot != null) {
      return slot;
    }
    try {
      return new SelectionSlot(device, pinned, tileBytes);
    } catch (RuntimeException e) {
      forget();
      throw e;
    }
  }

  /** Waits for an idle slot, or returns null where a new one may be made, which counts already. */
  private synchronized SelectionSlot idleOrNone() {
    try {
      while (idle.isEmpty() && slots >= mostSlots && !closed) {
        wait();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancelledException();
    }
    if (closed) {
      throw new IllegalStateException("the backend is closed");
    }
    if (idle.isEmpty()) {
      slots++;
      return null;
    }
    return idle.pop();
  }

  private synchronized boolean isAlone() {
    return slots == 1;
  }

  private synchronized void fewer() {
    mostSlots = Math.clamp(slots, 1, mostSlots);
  }

  /** Takes back a slot that is in order. */
  void giveBack(SelectionSlot slot) {
    synchronized (this) {
      if (!closed) {
        idle.push(slot);
        notifyAll();
        return;
      }
    }
    drop(slot);
  }

  /** Takes back a slot that may not be in order. */
  void drop(SelectionSlot slot) {
    slot.close();
    forget();
  }

  private synchronized void forget() {
    slots--;
    notifyAll();
  }

  @Override
  public synchronized void close() {
    closed = true;
    idle.forEach(SelectionSlot::close);
    slots -= idle.size();
    idle.clear();
    notifyAll();
  }
}
