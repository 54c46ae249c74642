package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.gpu.DeviceMemoryException;
import io.github.wandacuda.backend.gpu.NativeFunction;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/**
 * Host memory that is pinned for every device. The driver is called without JCuda, which wraps such
 * memory in a direct buffer of at most 2 GiB.
 */
final class CudaPinnedMemory {
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
