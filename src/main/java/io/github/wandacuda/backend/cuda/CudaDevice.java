package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.backend.gpu.DeviceMemoryException;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GpuDevice;
import io.github.wandacuda.backend.gpu.NativeFunction;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.forward.Precision;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** An open CUDA device. */
final class CudaDevice implements GpuDevice {
  /** The backend's name. */
  static final String NAME = "cuda";

  private final CudaDeviceInfo info;
  private final Precision precision;
  private final CudaContext context;
  private final CudaMemory memory;
  private final CudaModules modules;
  private final Set<CudaQueue> queues = ConcurrentHashMap.newKeySet();
  private boolean closed;

  private CudaDevice(CudaDeviceInfo info, CudaContext context, Precision precision) {
    this.info = info;
    this.precision = precision;
    this.context = context;
    this.memory = new CudaMemory(context);
    this.modules = new CudaModules(context, info.capability());
  }

  /**
   * Opens a device with the default precision.
   *
   * @param index its number in the driver's order
   * @throws io.github.wandacuda.error.BackendUnavailableException if it can't be used
   */
  public static CudaDevice open(int index) {
    return open(index, Precision.DEFAULT);
  }

  /**
   * Opens a device.
   *
   * @param index its number in the driver's order
   * @param precision of linear layers on tensor cores
   * @throws io.github.wandacuda.error.BackendUnavailableException if it can't be used
   */
  public static CudaDevice open(int index, Precision precision) {
    CudaLibrary.require();
    CudaDeviceInfo info = CudaDeviceInfo.of(index);
    info.problem()
        .ifPresent(
            problem -> {
              throw new BackendUnavailableException(
                  "%s can't be used: %s".formatted(info.label(), problem));
            });
    return new CudaDevice(info, CudaContext.retain(info.handle(), info.label()), precision);
  }

  @Override
  public String backend() {
    return NAME;
  }

  @Override
  public String name() {
    return info.name();
  }

  @Override
  public Optional<String> library() {
    return Cublas.label();
  }

  @Override
  public Optional<Precision> precision() {
    return Optional.of(precision);
  }

  /** Returns what the driver says about the device. */
  CudaDeviceInfo info() {
    return info;
  }

  /** Returns the context of all calls. */
  public CudaContext context() {
    return context;
  }

  /**
   * Returns a kernel, which is loaded at the first call.
   *
   * @param file its file's name under {@code kernels}, without the ending
   * @param name the kernel's name
   */
  public CudaFunction function(String file, String name) {
    return modules.function(file, name);
  }

  @Override
  public long freeBytes() {
    return memory.free();
  }

  @Override
  public long largestBuffer() {
    return info.totalBytes();
  }

  @Override
  public CudaBuffer allocate(long bytes) {
    return memory.allocate(bytes);
  }

  @Override
  public MemorySegment pinned(long bytes, Arena arena) {
    return CudaPinnedMemory.allocate(context, bytes, arena);
  }

  @Override
  public CudaQueue queue() {
    CudaQueue queue = new CudaQueue(this);
    queues.add(queue);
    return queue;
  }

  /** All that is in the primary context is reached from it. */
  @Override
  public CudaDevice reaching(DeviceMatrix matrix) {
    return this;
  }

  @Override
  public DeviceRows view(DeviceMatrix matrix) {
    return CudaCallerMemory.view(matrix, context, memory, info.index());
  }

  /** Removes a closed queue. */
  void forget(CudaQueue queue) {
    queues.remove(queue);
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    queues.forEach(CudaQueue::close);
    memory.close();
    modules.close();
    context.release();
  }

  /**
   * Host memory that is pinned for every device. The driver is called without JCuda, which wraps
   * such memory in a direct buffer of at most 2 GiB.
   */
  private static final class CudaPinnedMemory {
    private static final NativeFunction ALLOCATE =
        new NativeFunction(
            CudaLibrary.functions(),
            "the driver",
            "cuMemHostAlloc",
            ValueLayout.ADDRESS,
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_INT);

    private static final NativeFunction FREE =
        new NativeFunction(
            CudaLibrary.functions(), "the driver", "cuMemFreeHost", ValueLayout.ADDRESS);

    private CudaPinnedMemory() {}

    /**
     * Allocates memory, which keeps its context alive, so that it may outlive its device.
     *
     * @param arena frees the memory when it is closed
     */
    static MemorySegment allocate(CudaContext context, long bytes, Arena arena) {
      if (bytes < 1) {
        throw new IllegalArgumentException("expected 1 byte or more, found " + bytes);
      }
      context.enter();
      context.retainAgain();
      try {
        return request(context, bytes).reinterpret(bytes, arena, start -> free(context, start));
      } catch (RuntimeException e) {
        context.release();
        throw e;
      }
    }

    private static MemorySegment request(CudaContext context, long bytes) {
      try (Arena local = Arena.ofConfined()) {
        MemorySegment place = local.allocate(ValueLayout.ADDRESS);
        int result = ALLOCATE.call(place, bytes, JCudaDriver.CU_MEMHOSTALLOC_PORTABLE);
        if (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
          throw new DeviceMemoryException(
              "%s: %d bytes of host memory can't be pinned: %s"
                  .formatted(context.name(), bytes, CudaStatus.describe(result)));
        }
        MemorySegment start = place.get(ValueLayout.ADDRESS, 0);
        // The call may report a failure of other threads' work although the memory was allocated.
        if (result != CUresult.CUDA_SUCCESS && start.address() != 0) {
          int unused = FREE.call(start);
        }
        context.check(result, () -> "cuMemHostAlloc of %d bytes".formatted(bytes));
        return start;
      }
    }

    private static void free(CudaContext context, MemorySegment start) {
      if (context.tryEnter()) {
        int unused = FREE.call(start);
      }
      context.release();
    }
  }
}
