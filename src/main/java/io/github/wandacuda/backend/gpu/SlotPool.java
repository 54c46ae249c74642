package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.system.OnFailure;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

/**
 * The slots of a selector, and the device memory of its plans' norms. There are as many slots as
 * calls under way, unless the device lacks memory for so many: then a call waits for the slot of
 * another. For several threads at once.
 */
final class SlotPool implements AutoCloseable {
  /** The most norms whose memory is kept for the next plan: a few for each module under way. */
  private static final int MOST_SPARE = 16;

  private final GpuDevice device;
  private final PinnedMemory pinned;
  private final long tileBytes;
  private final Deque<SelectionSlot> idle = new ArrayDeque<>();

  /**
   * Memory of norms that are no longer used, kept since freeing memory may stop the whole device.
   */
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
   * Runs a call in a slot that has room for at least a row of a matrix, and for counts. After a
   * {@link NonFiniteWeightException} the slot is used again; after any other failure it is closed.
   *
   * @param bins how many counts, or 0
   * @param work the call, which has the slot to itself
   * @throws DeviceMemoryException if there isn't room for one row even when no other slot has any
   *     memory
   * @throws CancelledException if the thread is interrupted while it waits for a slot
   * @throws IllegalStateException if the backend is closed
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

  /**
   * Takes a slot with room for a tile. If the device has none, norms that are kept are freed first,
   * then the number of slots is limited to those that there are.
   */
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
   * Copies norms to the device and waits for the copy.
   *
   * @return memory that holds them, to be given back by {@link #keep}
   * @throws DeviceMemoryException if there isn't room for them even when no slot has any memory
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

  /** Takes back memory of norms, for the next plan or to free it. */
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

  /**
   * Frees the norms' memory that is kept.
   *
   * @return whether there was any
   */
  private synchronized boolean freeSpare() {
    boolean any = !spare.isEmpty();
    spare.forEach(DeviceBuffer::close);
    spare.clear();
    return any;
  }

  /**
   * Waits for an idle slot and closes it, to free its memory.
   *
   * @return false if there is no slot
   */
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

  /**
   * Waits for an idle slot.
   *
   * @return null if a new slot may be created, which is counted already
   */
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

  /** Takes back a slot that can be used again. */
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

  /** Closes a slot that may not be usable. */
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
