package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.forward.CheckedOperations;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.select.DeviceSelector;
import io.github.wandacuda.select.ResidentMatrix;
import io.github.wandacuda.select.Selector;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A GPU as a backend, through any driver. */
public final class GpuBackend implements Backend {
  /**
   * On a slow bus, 25 GB/s, 16 MiB take 0.7 ms, a hundred times as long as starting copies and
   * kernels.
   */
  private static final long TILE_BYTES = 16 << 20;

  /** For one tile that is uploaded, one that is selected and one that is downloaded. */
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

  /** Creates a backend on an open device, which is closed with the backend. */
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

  /** The library counts too: its sums have an order of their own. */
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
}
