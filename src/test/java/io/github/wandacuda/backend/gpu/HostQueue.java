package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.error.BackendUnavailableException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Queue;

/** A queue that does nothing until somebody waits for it, or all at once if it is eager. */
final class HostQueue implements DeviceQueue {
  private final HostDevice device;
  private final boolean eager;
  private final Queue<Runnable> work = new ArrayDeque<>();
  private final GpuSelectKernels pruning = new HostSelectKernels(this);
  private final HostForwardKernels forward = new HostForwardKernels(this);
  private long done;
  private boolean running;
  private boolean closed;

  HostQueue(HostDevice device, boolean eager) {
    this.device = device;
    this.eager = eager;
  }

  private void add(Runnable piece) {
    work.add(piece);
    if (eager) {
      finish();
    }
  }

  void launch(Runnable kernel) {
    add(
        () -> {
          if (!device.launches()) {
            throw new BackendUnavailableException("pretend device: lost");
          }
          kernel.run();
        });
  }

  @Override
  public void upload(
      MemorySegment host,
      long hostPitch,
      DevicePointer to,
      long devicePitch,
      long rowBytes,
      long rows) {
    requireNative(host);
    device.countUpload();
    MemorySegment memory = HostDevice.HostBuffer.at(to);
    add(() -> copy(host, hostPitch, memory, devicePitch, rowBytes, rows));
  }

  @Override
  public void download(
      DevicePointer from,
      long devicePitch,
      MemorySegment host,
      long hostPitch,
      long rowBytes,
      long rows) {
    requireNative(host);
    MemorySegment memory = HostDevice.HostBuffer.at(from);
    add(() -> copy(memory, devicePitch, host, hostPitch, rowBytes, rows));
  }

  private static void requireNative(MemorySegment host) {
    if (!host.isNative()) {
      throw new IllegalArgumentException("host memory on the heap");
    }
  }

  private static void copy(
      MemorySegment from, long fromPitch, MemorySegment to, long toPitch, long bytes, long rows) {
    for (long row = 0; row < rows; row++) {
      MemorySegment.copy(from, row * fromPitch, to, row * toPitch, bytes);
    }
  }

  @Override
  public void copy(
      DevicePointer from,
      long fromPitch,
      DevicePointer to,
      long toPitch,
      long rowBytes,
      long rows) {
    MemorySegment source = HostDevice.HostBuffer.at(from);
    MemorySegment target = HostDevice.HostBuffer.at(to);
    add(() -> copy(source, fromPitch, target, toPitch, rowBytes, rows));
  }

  @Override
  public void startAfter(long callerQueue) {
    add(device.callerWork());
  }

  @Override
  public void startAfter(DeviceQueue other) {
    HostQueue awaited = (HostQueue) other;
    long number = awaited.done + awaited.work.size() + (awaited.running ? 1 : 0);
    add(() -> awaited.runUntil(number));
  }

  private void runUntil(long number) {
    while (done < number && !work.isEmpty()) {
      running = true;
      work.remove().run();
      running = false;
      done++;
    }
  }

  @Override
  public void clear(DevicePointer to, long bytes) {
    MemorySegment memory = HostDevice.HostBuffer.at(to).asSlice(0, bytes);
    add(() -> memory.fill((byte) 0));
  }

  @Override
  public GpuSelectKernels pruning() {
    return pruning;
  }

  @Override
  public GpuForwardKernels forward() {
    return forward;
  }

  @Override
  public void finish() {
    runUntil(Long.MAX_VALUE);
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      settle();
      work.clear();
      forward.close();
      device.queueClosed();
    }
  }
}
