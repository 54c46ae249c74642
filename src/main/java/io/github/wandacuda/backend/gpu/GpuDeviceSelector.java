package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.select.DeviceSelector;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionArguments;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.LongConsumer;

/**
 * Selection of matrices in memory that callers own, by the selector of the device that reaches it.
 */
final class GpuDeviceSelector implements DeviceSelector, AutoCloseable {
  private final GpuDevice device;
  private final GpuSelector own;
  private final long tileBytes;

  /** Selectors of devices over callers' contexts. */
  private final Map<GpuDevice, GpuSelector> others = new HashMap<>();

  private boolean closed;

  /**
   * Selects on a device.
   *
   * @param own the device's selector, which stays open
   */
  public GpuDeviceSelector(GpuDevice device, GpuSelector own, long tileBytes) {
    this.device = device;
    this.own = own;
    this.tileBytes = tileBytes;
  }

  /** A matrix as seen from the device that reaches it. */
  private record Reached(GpuSelector selector, DeviceRows rows, long queue) {
    TileShape shape() {
      return new TileShape(rows.dtype(), rows.rows(), rows.columns(), rows.isAligned());
    }

    Function<SelectionSlot, SlotMatrix> matrix() {
      return slot -> slot.caller(rows, queue);
    }
  }

  private synchronized Reached reach(DeviceMatrix matrix) {
    if (closed) {
      throw new IllegalStateException("the backend is closed");
    }
    GpuDevice found = device.reaching(matrix);
    GpuSelector selector =
        found == device
            ? own
            : others.computeIfAbsent(
                found, other -> new GpuSelector(other, new PinnedMemory(other), tileBytes));
    return new Reached(selector, found.view(matrix), matrix.queue());
  }

  @Override
  public Selection select(
      DeviceMatrix weight,
      float[] norms,
      SelectionRule rule,
      MemorySegment mask,
      LongConsumer rowsDone) {
    SelectionArguments arguments =
        new SelectionArguments(weight.dtype(), weight.columns(), norms, rule);
    SelectionArguments.checkMask(weight.rows(), weight.columns(), mask);
    if (weight.elements() == 0) {
      return new Selection(0, 0);
    }
    Reached reached = reach(weight);
    SlotPool pool = reached.selector.pool();
    DeviceBuffer onDevice = pool.upload(arguments.norms());
    try {
      return pool.with(
          reached.shape(),
          0,
          slot -> slot.select(reached.matrix().apply(slot), onDevice.at(0), rule, mask, rowsDone));
    } finally {
      pool.keep(onDevice);
    }
  }

  @Override
  public void requireFinite(DeviceMatrix weight) {
    if (weight.elements() > 0) {
      Reached reached = reach(weight);
      reached.selector.requireFinite(reached.shape(), reached.matrix());
    }
  }

  @Override
  public void countMagnitudes(DeviceMatrix weight, long[] counts) {
    SelectionArguments.checkBins(counts, Selector.UPPER_BINS);
    if (weight.elements() > 0) {
      Reached reached = reach(weight);
      reached.selector.countUpper(reached.shape(), reached.matrix(), counts);
    }
  }

  @Override
  public void countMagnitudes(DeviceMatrix weight, int upper, long[] counts) {
    Objects.checkIndex(upper, Selector.UPPER_BINS);
    SelectionArguments.checkBins(counts, Selector.LOWER_BINS);
    if (weight.elements() > 0) {
      Reached reached = reach(weight);
      reached.selector.countLower(reached.shape(), reached.matrix(), upper, counts);
    }
  }

  @Override
  public synchronized void close() {
    closed = true;
    others.values().forEach(GpuSelector::close);
    others.clear();
  }
}
