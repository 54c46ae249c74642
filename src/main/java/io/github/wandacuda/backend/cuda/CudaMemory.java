package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DeviceMemoryException;
import java.util.HashSet;
import java.util.Set;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** The memory of a device. Each allocation is freed exactly once. */
final class CudaMemory implements AutoCloseable {
  private final CudaContext context;
  private final Set<CudaBuffer> live = new HashSet<>();
  private boolean closed;

  public CudaMemory(CudaContext context) {
    this.context = context;
  }

  /** Returns the free memory in bytes. */
  public long free() {
    context.enter();
    return queryFree();
  }

  private long queryFree() {
    long[] free = new long[1];
    context.check(JCudaDriver.cuMemGetInfo(free, new long[1]), "cuMemGetInfo");
    return free[0];
  }

  /**
   * Allocates memory.
   *
   * @throws DeviceMemoryException if there isn't enough
   */
  public synchronized CudaBuffer allocate(long bytes) {
    if (bytes < 1) {
      throw new IllegalArgumentException("expected 1 byte or more, found " + bytes);
    }
    if (closed) {
      throw new IllegalStateException("the device is closed");
    }
    context.enter();
    DeviceAddress address = new DeviceAddress();
    int result = JCudaDriver.cuMemAlloc(address, bytes);
    if (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
      throw new DeviceMemoryException(context.name(), bytes, queryFree());
    }
    // After a failure the address is undefined (JCuda copies it from its stack) and can't be freed.
    context.check(result, () -> "cuMemAlloc of %d bytes".formatted(bytes));
    CudaBuffer buffer = new CudaBuffer(this, address, bytes);
    live.add(buffer);
    return buffer;
  }

  /** Returns memory that its caller allocated and frees. */
  public CudaBuffer view(long address, long bytes) {
    return new CudaBuffer(this, new DeviceAddress(address), bytes);
  }

  /** Frees a buffer, unless it is freed already. On a lost device nothing is done. */
  public synchronized void free(CudaBuffer buffer) {
    if (live.remove(buffer) && context.tryEnter()) {
      int unused = JCudaDriver.cuMemFree(buffer.start());
    }
  }

  /** Frees all remaining buffers. */
  @Override
  public synchronized void close() {
    closed = true;
    Set.copyOf(live).forEach(this::free);
  }
}
