package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.select.DeviceSelector;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionArguments;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
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

  private record Reached(GpuSelector selector, CallerMatrix matrix) {}

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
    return new Reached(selector, new CallerMatrix(found.view(matrix), matrix.queue()));
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
          reached.matrix,
          0,
          slot -> slot.select(reached.matrix, onDevice.at(0), rule, mask, rowsDone));
    } finally {
      pool.keep(onDevice);
    }
  }

  @Override
  public void requireFinite(DeviceMatrix weight) {
    if (weight.elements() > 0) {
      Reached reached = reach(weight);
      reached.selector.requireFinite(reached.matrix);
    }
  }

  @Override
  public void countMagnitudes(DeviceMatrix weight, long[] counts) {
    SelectionArguments.checkBins(counts, Selector.UPPER_BINS);
    if (weight.elements() > 0) {
      Reached reached = reach(weight);
      reached.selector.countUpper(reached.matrix, counts);
    }
  }

  @Override
  public void countMagnitudes(DeviceMatrix weight, int upper, long[] counts) {
    Objects.checkIndex(upper, Selector.UPPER_BINS);
    SelectionArguments.checkBins(counts, Selector.LOWER_BINS);
    if (weight.elements() > 0) {
      Reached reached = reach(weight);
      reached.selector.countLower(reached.matrix, upper, counts);
    }
  }

  @Override
  public synchronized void close() {
    closed = true;
    others.values().forEach(GpuSelector::close);
    others.clear();
  }

  /**
   * A matrix in device memory that the caller owns. Kernels work on it where it lies or, where its
   * rows don't start at multiples of 16 bytes, on a copy of a tile.
   *
   * @param callerQueue what it has queued comes first
   */
  private record CallerMatrix(DeviceRows rows, long callerQueue) implements SlotMatrix {
    @Override
    public TileShape shape() {
      return new TileShape(rows.dtype(), rows.rows(), rows.columns(), rows.isAligned());
    }

    @Override
    public void begin(DeviceQueue queue) {
      queue.startAfter(callerQueue);
    }

    @Override
    public DeviceRows bring(SelectionSlot slot, DevicePointer room, int first, int count) {
      DeviceRows part = rows.rowRange(first, count);
      if (rows.isAligned()) {
        return part;
      }
      DeviceRows copy = shape().at(room, count);
      copy(slot.queue(), part, copy);
      return copy;
    }

    @Override
    public void takeBack(SelectionSlot slot, DeviceRows pruned, DevicePointer mask, int first) {
      if (!rows.isAligned()) {
        copy(slot.queue(), pruned, rows.rowRange(first, pruned.rows()));
        slot.queue().finish();
      }
    }

    private static void copy(DeviceQueue queue, DeviceRows from, DeviceRows to) {
      queue.copy(from.place(), to.place(), from.rowBytes(), from.rows());
    }

    /**
     * In place the kernel may have pruned it: then nobody knows what it was, but that it is none.
     */
    @Override
    public float element(SelectionSlot slot, int row, int column) {
      DeviceQueue queue = slot.queue();
      try (Arena arena = Arena.ofConfined()) {
        DType dtype = rows.dtype();
        MemorySegment host = arena.allocate(dtype.bytes(), Integer.BYTES);
        queue.complete(
            () -> queue.download(rows.rowRange(row, 1).columnRange(column, 1).data(), host));
        float value = WeightMatrix.of(host, dtype, 1, 1).get(0, 0);
        return Float.isFinite(value) ? Float.NaN : value;
      }
    }
  }
}
