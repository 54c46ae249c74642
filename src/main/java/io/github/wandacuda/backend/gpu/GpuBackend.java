package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.forward.CheckedOperations;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.select.DeviceSelector;
import io.github.wandacuda.select.ResidentMatrix;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionArguments;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.LongConsumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A GPU as a backend, whatever driver it is used through. */
public final class GpuBackend implements Backend {
  /**
   * On a slow bus, 25 GB/s, 16 MiB take 0.7 ms, a hundred times as long as starting copies and
   * kernels.
   */
  private static final long TILE_BYTES = 16 << 20;

  /**
   * With so many calls under way, one tile is uploaded, one selected and one downloaded at a time.
   */
  private static final int FEWEST_CALLS = 3;

  /** Each call holds a tile in device memory; more calls than this don't use the bus better. */
  private static final int MOST_CALLS = 8;

  private final GpuDevice device;
  private final int concurrency;
  private final PinnedMemory pinned;
  private final GpuSelector selector;
  private final GpuDeviceSelector deviceSelector;
  private GpuOperations queued;
  private Operations operations;
  private boolean closed;

  /**
   * Creates a backend on an open device.
   *
   * @param device closed with the backend
   * @param threads CPU threads that may call the selector at once; 3 to 8 calls are asked for
   */
  public GpuBackend(GpuDevice device, int threads) {
    this.device = device;
    concurrency = Math.clamp(threads, FEWEST_CALLS, MOST_CALLS);
    pinned = new PinnedMemory(device);
    selector = new GpuSelector(device, pinned, TILE_BYTES);
    deviceSelector = new GpuDeviceSelector(device, selector, TILE_BYTES);
  }

  @Override
  public String name() {
    return device.backend();
  }

  @Override
  public String device() {
    return device.name();
  }

  /**
   * Names the device, the precision and, in 16 bits, the library that multiplies: the library adds
   * in an order of its own, so its version matters to the last bits.
   */
  @Override
  public String arithmetic() {
    return Stream.of(
            Optional.of(Backend.super.arithmetic()),
            precision().map(precision -> "precision " + precision.label()),
            precision().flatMap(precision -> device.library()))
        .flatMap(Optional::stream)
        .collect(Collectors.joining(", "));
  }

  @Override
  public Optional<Precision> precision() {
    return device.precision();
  }

  /** Returns the device, for code that queues kernels on it; it is closed with this backend. */
  public GpuDevice gpu() {
    return device;
  }

  @Override
  public long tileBytes() {
    return TILE_BYTES;
  }

  @Override
  public MemorySegment hostMemory(long bytes, Arena arena) {
    return pinned.allocate(bytes, arena);
  }

  @Override
  public int concurrency() {
    return concurrency;
  }

  @Override
  public Selector selector() {
    return selector;
  }

  @Override
  public DeviceSelector deviceSelector() {
    return deviceSelector;
  }

  /** Returns the forward half, which is created at the first call. */
  @Override
  public synchronized Operations operations() {
    if (closed) {
      throw new IllegalStateException("the backend is closed");
    }
    if (operations == null) {
      queued = new GpuOperations(device);
      operations = new CheckedOperations(GpuTensor.class, GpuWeight.class, queued);
    }
    return operations;
  }

  @Override
  public Optional<ResidentMatrix> resident(Weight weight) {
    return weight instanceof GpuWeight own ? own.resident() : Optional.empty();
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    deviceSelector.close();
    selector.close();
    if (queued != null) {
      queued.close();
    }
    device.close();
  }

  /**
   * Prunes matrices in memory that callers own, with a selector of the device or context that
   * reaches each matrix.
   */
  static final class GpuDeviceSelector implements DeviceSelector, AutoCloseable {
    private final GpuDevice device;
    private final GpuSelector own;
    private final long tileBytes;

    /**
     * The selectors of callers' contexts, created when a matrix of the context comes for the first
     * time.
     */
    private final Map<GpuDevice, GpuSelector> others = new HashMap<>();

    private boolean closed;

    /**
     * Creates a selector on a device.
     *
     * @param own the device's selector, which stays the caller's to close
     * @param tileBytes the most bytes of a tile that is copied
     */
    public GpuDeviceSelector(GpuDevice device, GpuSelector own, long tileBytes) {
      this.device = device;
      this.own = own;
      this.tileBytes = tileBytes;
    }

    /** A caller's matrix, and the selector that reaches it. */
    private record Reached(GpuSelector selector, CallerMatrix matrix) {}

    /**
     * Finds the selector that reaches a matrix.
     *
     * @throws IllegalStateException if the backend is closed
     * @throws IllegalArgumentException if the matrix isn't in memory of this device
     */
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
      try (GpuSelector.GpuPlan plan = reached.selector.plan(arguments)) {
        return plan.select(reached.matrix, mask, rowsDone);
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
    public void countMagnitudes(DeviceMatrix weight, OptionalInt upper, long[] counts) {
      SelectionArguments.checkBins(upper, counts);
      if (weight.elements() > 0) {
        Reached reached = reach(weight);
        reached.selector.count(reached.matrix, upper, counts);
      }
    }

    @Override
    public synchronized void close() {
      closed = true;
      others.values().forEach(GpuSelector::close);
      others.clear();
    }

    /**
     * A matrix in device memory that the caller owns. Kernels work on it where it lies or, where
     * its rows don't start at multiples of 16 bytes, on a copy of a tile.
     *
     * @param callerQueue the caller's queue, for whose work the selection waits
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
       * Returns the element that isn't finite. The kernel may have pruned it in place already; then
       * its value is lost, and NaN stands for it.
       */
      @Override
      public float element(SelectionSlot slot, int row, int column) {
        try (Arena arena = Arena.ofConfined()) {
          DType dtype = rows.dtype();
          MemorySegment host = arena.allocate(dtype.bytes(), Integer.BYTES);
          slot.queue().fetch(rows.rowRange(row, 1).columnRange(column, 1).data(), host);
          float value = WeightMatrix.of(host, dtype, 1, 1).get(0, 0);
          return Float.isFinite(value) ? Float.NaN : value;
        }
      }
    }
  }
}
