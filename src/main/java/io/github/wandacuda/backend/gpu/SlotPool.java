package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.system.OnFailure;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

/**
 * The slots of a selector, and the memory of its plans' norms. There are as many slots as there are
 * calls at a time, but no more than the device has memory for: then a call waits for another's
 * slot.
 */
final class SlotPool implements AutoCloseable {
  /** Norms kept at most, some for each module under way. */
  private static final int MOST_SPARE = 16;

  private final GpuDevice device;
  private final PinnedMemory pinned;
  private final long tileBytes;
  private final Deque<SelectionSlot> idle = new ArrayDeque<>();

  /** Memory of norms that are done with: giving memory back may hold up the whole device. */
  private final Deque<DeviceBuffer> spare = new ArrayDeque<>();

  private int slots;
  private int mostSlots = Integer.MAX_VALUE;
  private boolean closed;

  SlotPool(GpuDevice device, PinnedMemory pinned, long tileBytes) {
    this.device = device;
    this.pinned = pinned;
    this.tileBytes = tileBytes;
  }

  /**
   * Works in a slot that has room for a row of a matrix at the least, and for counts. A call that
   * fails for its weights leaves its slot in order; any other failure may not.
   *
   * @param bins how many counts, or 0
   * @throws DeviceMemoryException if there isn't room for one even where no other slot takes any
   */
  <T> T with(SlotMatrix matrix, int bins, Function<SelectionSlot, T> work) {
    return with(take(matrix.shape(), bins), work);
  }

  private <T> T with(SelectionSlot slot, Function<SelectionSlot, T> work) {
    boolean inOrder = false;
    try {
      T result = work.apply(slot);
      inOrder = true;
      return result;
    } catch (NonFiniteWeightException e) {
      inOrder = true;
      throw e;
    } finally {
      if (inOrder) {
        giveBack(slot);
      } else {
        drop(slot);
      }
    }
  }

  private SelectionSlot take(SlotMatrix.TileShape shape, int bins) {
    while (true) {
      SelectionSlot slot = idleOrNew();
      boolean alone = isAlone();
      try {
        slot.reserve(shape, bins);
        return slot;
      } catch (DeviceMemoryException e) {
        alone &= isAlone();
        drop(slot);
        if (freeSpare()) {
          continue;
        }
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

  /**
   * Brings norms to the device.
   *
   * @return memory that holds them, to be given back by {@link #keep}
   * @throws DeviceMemoryException if there isn't room for them even where no slot takes any
   */
  DeviceBuffer upload(float[] norms) {
    DeviceBuffer buffer = memory((long) norms.length * Float.BYTES);
    return OnFailure.close(
        buffer::close,
        () ->
            with(
                idleOrNew(),
                slot -> {
                  slot.upload(norms, buffer.at(0));
                  return buffer;
                }));
  }

  private DeviceBuffer memory(long bytes) {
    synchronized (this) {
      for (DeviceBuffer kept : spare) {
        if (kept.bytes() >= bytes) {
          spare.remove(kept);
          return kept;
        }
      }
    }
    while (true) {
      try {
        return device.memory().allocate(bytes);
      } catch (DeviceMemoryException e) {
        if (!freeSpare() && !freeSlot()) {
          throw e;
        }
      }
    }
  }

  synchronized void keep(DeviceBuffer norms) {
    if (closed) {
      norms.close();
      return;
    }
    if (spare.size() == MOST_SPARE) {
      spare.removeLast().close();
    }
    spare.push(norms);
  }

  private synchronized boolean freeSpare() {
    boolean any = !spare.isEmpty();
    spare.forEach(DeviceBuffer::close);
    spare.clear();
    return any;
  }

  /** Waits for a slot and gives its memory back, or returns false if there are none. */
  private boolean freeSlot() {
    SelectionSlot slot;
    synchronized (this) {
      await(() -> idle.isEmpty() && slots > 0);
      if (idle.isEmpty()) {
        return false;
      }
      slot = idle.pop();
    }
    drop(slot);
    return true;
  }

  private SelectionSlot idleOrNew() {
    SelectionSlot slot = idleOrNone();
    if (slot != null) {
      return slot;
    }
    return OnFailure.close(this::forget, () -> new SelectionSlot(device, pinned, tileBytes));
  }

  /** Waits for an idle slot, or returns null where a new one may be made, which counts already. */
  private synchronized SelectionSlot idleOrNone() {
    await(() -> idle.isEmpty() && slots >= mostSlots);
    if (idle.isEmpty()) {
      slots++;
      return null;
    }
    return idle.pop();
  }

  /** Waits while a condition holds; the caller holds the lock. */
  private void await(BooleanSupplier condition) {
    while (condition.getAsBoolean() && !closed) {
      CancelledException.waiting(this::wait);
    }
    if (closed) {
      throw new IllegalStateException("the backend is closed");
    }
  }

  private synchronized boolean isAlone() {
    return slots == 1;
  }

  private synchronized void fewer() {
    mostSlots = Math.clamp(slots, 1, mostSlots);
  }

  /** Takes back a slot that is in order. */
  private void giveBack(SelectionSlot slot) {
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
  private void drop(SelectionSlot slot) {
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
    freeSpare();
    notifyAll();
  }
}
