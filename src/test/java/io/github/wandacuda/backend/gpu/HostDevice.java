package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DeviceMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A device made of host memory, for tests of the code above devices: it has as little memory as it
 * is told to, does nothing before it has to, counts what is live, and can be lost.
 */
public final class HostDevice implements GpuDevice {
  private final long memory;
  private final Set<HostBuffer> live = ConcurrentHashMap.newKeySet();
  private final AtomicInteger pinned = new AtomicInteger();
  private final AtomicInteger queues = new AtomicInteger();
  private final AtomicInteger queuesMade = new AtomicInteger();
  private int firstEager = Integer.MAX_VALUE;
  private final AtomicInteger uploads = new AtomicInteger();
  private final AtomicBoolean closed = new AtomicBoolean();
  private final AtomicBoolean pins = new AtomicBoolean(true);
  private Runnable callerWork = () -> {};
  private final AtomicInteger launchesLeft = new AtomicInteger(Integer.MAX_VALUE);

  public HostDevice(long memory) {
    this.memory = memory;
  }

  /** Memory of its own, so that what is past it is past the end. */
  static final class HostBuffer implements DeviceBuffer {
    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory;
    private final Set<HostBuffer> live;

    HostBuffer(long bytes, Set<HostBuffer> live) {
      memory = arena.allocate(bytes, 256);
      memory.fill((byte) 0xa5);
      this.live = live;
      live.add(this);
    }

    /** Stands for memory that a caller owns. */
    HostBuffer(MemorySegment memory) {
      this.memory = memory;
      this.live = Set.of();
    }

    static MemorySegment at(DevicePointer pointer) {
      return ((HostBuffer) pointer.buffer()).memory.asSlice(pointer.offset());
    }

    @Override
    public long bytes() {
      return memory.byteSize();
    }

    @Override
    public void close() {
      if (live.contains(this) && live.remove(this)) {
        arena.close();
      }
    }
  }

  /** Loses the device at the n-th launch from now, counted from 0. */
  public void loseAtLaunch(int launch) {
    launchesLeft.set(launch);
  }

  /** Has no pinned memory from now on. */
  public void refusePinned() {
    pins.set(false);
  }

  /** Lets queues do their work at once, but for the first ones that are made. */
  public void eagerAfter(int lazy) {
    firstEager = lazy;
  }

  /** Sets what a caller's queue still has to do. */
  public void callerWork(Runnable work) {
    callerWork = work;
  }

  Runnable callerWork() {
    return callerWork;
  }

  /** A caller's memory is native memory. */
  @Override
  public DeviceRows view(DeviceMatrix matrix) {
    MemorySegment memory =
        MemorySegment.ofAddress(matrix.memory()).reinterpret(matrix.byteOffset() + matrix.span());
    return new DeviceRows(
        new HostBuffer(memory).at(matrix.byteOffset()),
        matrix.dtype(),
        matrix.rows(),
        matrix.columns(),
        matrix.rowStride());
  }

  @Override
  public HostDevice reaching(DeviceMatrix matrix) {
    return this;
  }

  boolean launches() {
    return launchesLeft.getAndDecrement() > 0;
  }

  void countUpload() {
    uploads.incrementAndGet();
  }

  public int uploads() {
    return uploads.get();
  }

  /** Returns the number of buffers, pinned pieces and queues that were not given back. */
  public int outstanding() {
    return live.size() + pinned.get() + queues.get();
  }

  void queueClosed() {
    queues.decrementAndGet();
  }

  @Override
  public String backend() {
    return "host";
  }

  @Override
  public String name() {
    return "pretend device";
  }

  @Override
  public synchronized long freeBytes() {
    return memory - live.stream().mapToLong(HostBuffer::bytes).sum();
  }

  @Override
  public long largestBuffer() {
    return Long.MAX_VALUE;
  }

  @Override
  public synchronized DeviceBuffer allocate(long bytes) {
    if (bytes < 1) {
      throw new IllegalArgumentException(bytes + " bytes");
    }
    if (bytes > freeBytes()) {
      throw new DeviceMemoryException(name(), bytes, freeBytes());
    }
    return new HostBuffer(bytes, live);
  }

  @Override
  public MemorySegment pinned(long bytes, Arena arena) {
    if (!pins.get()) {
      throw new DeviceMemoryException(name(), bytes, 0);
    }
    pinned.incrementAndGet();
    return arena.allocate(bytes, 64).reinterpret(arena, gone -> pinned.decrementAndGet());
  }

  @Override
  public DeviceQueue queue() {
    queues.incrementAndGet();
    return new HostQueue(this, queuesMade.getAndIncrement() >= firstEager);
  }

  /** Has to be closed once, as some drivers can't stand more. */
  @Override
  public void close() {
    if (!closed.compareAndSet(false, true)) {
      throw new IllegalStateException("closed twice");
    }
  }
}
