package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.forward.Precision;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * A device that is like another one, but for the kernels of the forward pass and the size of
 * buffers.
 */
public final class KernelsOn implements GpuDevice {
  private final GpuDevice inner;
  private final Supplier<? extends DeviceQueue> queues;
  private final long largestBuffer;

  /**
   * Changes a device.
   *
   * @param queues gives queues that have the kernels
   * @param largestBuffer bytes that it says it can allocate at once
   */
  public KernelsOn(GpuDevice inner, Supplier<? extends DeviceQueue> queues, long largestBuffer) {
    this.inner = inner;
    this.queues = queues;
    this.largestBuffer = largestBuffer;
  }

  @Override
  public String backend() {
    return inner.backend();
  }

  @Override
  public String name() {
    return inner.name();
  }

  @Override
  public Optional<Precision> precision() {
    return inner.precision();
  }

  @Override
  public long freeBytes() {
    return inner.freeBytes();
  }

  @Override
  public long largestBuffer() {
    return Math.min(largestBuffer, inner.largestBuffer());
  }

  @Override
  public DeviceBuffer allocate(long bytes) {
    return inner.allocate(bytes);
  }

  @Override
  public MemorySegment pinned(long bytes, Arena arena) {
    return inner.pinned(bytes, arena);
  }

  @Override
  public DeviceQueue queue() {
    return queues.get();
  }

  @Override
  public GpuDevice reaching(DeviceMatrix matrix) {
    GpuDevice found = inner.reaching(matrix);
    return found == inner ? this : found;
  }

  @Override
  public DeviceRows view(DeviceMatrix matrix) {
    return inner.view(matrix);
  }

  @Override
  public void close() {
    inner.close();
  }

  /** A queue whose kernels of the forward pass are others. */
  public record Queue<K extends GpuForwardKernels & AutoCloseable>(DeviceQueue inner, K kernels)
      implements DeviceQueue {
    @Override
    public void copy(RowCopy copy) {
      inner.copy(copy);
    }

    @Override
    public void startAfter(long callerQueue) {
      inner.startAfter(callerQueue);
    }

    @Override
    public void startAfter(DeviceQueue other) {
      inner.startAfter(other instanceof Queue<?> queue ? queue.inner() : other);
    }

    @Override
    public void clear(DevicePointer device, long bytes) {
      inner.clear(device, bytes);
    }

    @Override
    public GpuSelectKernels pruning() {
      return inner.pruning();
    }

    @Override
    public GpuForwardKernels forward() {
      return kernels;
    }

    @Override
    public void finish() {
      inner.finish();
    }

    @Override
    public void close() {
      settle();
      try {
        kernels.close();
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
      inner.close();
    }
  }
}
