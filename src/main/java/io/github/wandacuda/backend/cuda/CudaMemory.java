package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DeviceMemoryException;
import io.github.wandacuda.backend.gpu.GpuDevice;
import io.github.wandacuda.system.OnFailure;
import io.github.wandacuda.system.SharedLibrary;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashSet;
import java.util.Set;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/**
 * The memory of a device. Each allocation is freed exactly once: when its buffer is closed, or with
 * this.
 */
final class CudaMemory implements GpuDevice.Memory, AutoCloseable {
  private final CudaContext context;
  private final Set<CudaBuffer> live = new HashSet<>();
  private boolean closed;

  public CudaMemory(CudaContext context) {
    this.context = context;
  }

  @Override
  public long freeBytes() {
    context.enter();
    return queryFree();
  }

  private long queryFree() {
    long[] free = new long[1];
    context.check(JCudaDriver.cuMemGetInfo(free, new long[1]), "cuMemGetInfo");
    return free[0];
  }

  @Override
  public synchronized CudaBuffer allocate(long bytes) {
    requireSome(bytes);
    if (closed) {
      throw new IllegalStateException("the device is closed");
    }
    context.enter();
    CudaBuffer.DeviceAddress address = new CudaBuffer.DeviceAddress();
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

  /**
   * Allocates host memory that is pinned for every device. It keeps its context alive, so that it
   * may outlive its device. The driver is called without JCuda, which wraps such memory in a direct
   * buffer of at most 2 GiB.
   *
   * @param bytes 1 or more
   * @param arena frees the memory when it is closed
   * @throws DeviceMemoryException if no more memory can be pinned
   */
  @Override
  public MemorySegment pinned(long bytes, Arena arena) {
    requireSome(bytes);
    context.enter();
    context.retainAgain();
    return OnFailure.close(
        context::release, () -> requestPinned(bytes).reinterpret(bytes, arena, this::freePinned));
  }

  private MemorySegment requestPinned(long bytes) {
    try (Arena local = Arena.ofConfined()) {
      MemorySegment place = local.allocate(ValueLayout.ADDRESS);
      int result = Pinned.ALLOCATE.call(place, bytes, JCudaDriver.CU_MEMHOSTALLOC_PORTABLE);
      if (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY
          || result == CUresult.CUDA_ERROR_NOT_PERMITTED) {
        throw new DeviceMemoryException(
            "%s: %d bytes of host memory can't be pinned: %s"
                .formatted(context.name(), bytes, CudaContext.describe(result)));
      }
      MemorySegment start = place.get(ValueLayout.ADDRESS, 0);
      // The call may report a failure of other threads' work although the memory was allocated.
      if (result != CUresult.CUDA_SUCCESS && start.address() != 0) {
        int unused = Pinned.FREE.call(start);
      }
      context.check(result, () -> "cuMemHostAlloc of %d bytes".formatted(bytes));
      return start;
    }
  }

  private void freePinned(MemorySegment start) {
    if (context.tryEnter()) {
      int unused = Pinned.FREE.call(start);
    }
    context.release();
  }

  private static void requireSome(long bytes) {
    if (bytes < 1) {
      throw new IllegalArgumentException("expected 1 byte or more, found " + bytes);
    }
  }

  /**
   * Returns memory that a caller allocated. Closing the buffer frees nothing.
   *
   * @param address of the first byte, as the driver gives it
   */
  public CudaBuffer view(long address, long bytes) {
    return new CudaBuffer(this, new CudaBuffer.DeviceAddress(address), bytes);
  }

  /**
   * Frees a buffer that was allocated here, unless it is freed already. If the device is lost,
   * nothing is done.
   */
  public synchronized void free(CudaBuffer buffer) {
    if (live.remove(buffer) && context.tryEnter()) {
      int unused = JCudaDriver.cuMemFree(buffer.start());
    }
  }

  @Override
  public synchronized void close() {
    closed = true;
    Set.copyOf(live).forEach(this::free);
  }

  private static final class Pinned {
    static final SharedLibrary.Function ALLOCATE = CudaLibrary.function("cuMemHostAlloc");
    static final SharedLibrary.Function FREE = CudaLibrary.function("cuMemFreeHost");
  }
}
