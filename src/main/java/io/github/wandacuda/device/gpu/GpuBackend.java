package io.github.wandacuda.device.gpu;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.device.GpuDevice;
import io.github.wandacuda.device.PinnedMemory;
import io.github.wandacuda.forward.CheckedOperations;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.gpu.GpuOperations;
import io.github.wandacuda.forward.gpu.GpuTensor;
import io.github.wandacuda.forward.gpu.GpuWeight;
import io.github.wandacuda.select.DeviceSelector;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.select.gpu.GpuDeviceSelector;
import io.github.wandacuda.select.gpu.GpuSelector;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A GPU, whichever way it is talked to. */
public final class GpuBackend implements Backend {
  /**
   * At 25 GB/s, a slow bus, 16 MiB take 0.7 ms: a hundred times what starting copies and kernels
   * costs.
   */
  private static final long TILE_BYTES = 16 << 20;

  /** One tile comes in, one is worked on, one goes out. */
  private static final int FEWEST_CALLS = 3;

  /** Each call holds a tile in device memory; more of them than this don't make a bus faster. */
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
   * Puts a backend on top of an open device, which it closes when it is closed itself.
   *
   * @param device the device
   * @param threads CPU threads that may feed it
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
   * Returns the device itself, for whoever queues kernels on it; it is closed with this backend.
   */
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

  /** Returns the forward half, which is set up when it is first asked for. */
  @Override
  public synchronized Operations operations() {
    if (closed) {
      throw new IllegalStateException("the backend is closed");
    }
    if (operations == null) {
      queued = new GpuOperations(device);
      operations = new CheckedOperations<>(GpuTensor.class, GpuWeight.class, queued);
    }
    return operations;
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
