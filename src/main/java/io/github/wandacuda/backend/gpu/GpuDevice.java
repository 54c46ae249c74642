package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.forward.Precision;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * An open GPU, as the shared host code of the GPU backends sees it. All methods may be called from
 * any thread.
 */
public interface GpuDevice extends AutoCloseable {
  /**
   * Opens a kernel file in the jar. All of them lie in one folder, so that a name is enough.
   *
   * @param name a file of PTX or OpenCL source, such as {@code rotate.cl}
   * @return the caller's to close; null if there is none of that name
   */
  static InputStream kernelFile(String name) {
    return GpuDevice.class.getResourceAsStream("/io/github/wandacuda/kernels/" + name);
  }

  /** Returns the backend's name, as {@code --backend} takes it. */
  String backend();

  /** Returns the device's name as its driver gives it. */
  String name();

  /**
   * Returns the precision in which linear layers multiply on tensor cores.
   *
   * @return nothing if they multiply in float32 throughout
   */
  default Optional<Precision> precision() {
    return Optional.empty();
  }

  /**
   * Returns the name and version of the library that multiplies linear layers on tensor cores.
   *
   * @return nothing if our own kernels multiply
   */
  default Optional<String> library() {
    return Optional.empty();
  }

  /** Returns whether kernels may compute in float64. */
  default boolean hasDoubles() {
    return true;
  }

  /** Returns the largest size in bytes that {@link Memory#allocate} may allocate. */
  long largestBuffer();

  /** Memory of the device, and host memory that it reaches. */
  interface Memory {
    /** Returns the free memory in bytes, or all memory if the device doesn't say. */
    long freeBytes();

    /**
     * Allocates memory, whose content is undefined. Its address is a multiple of 256.
     *
     * @param bytes 1 or more
     * @return memory that the caller closes before the device
     * @throws DeviceMemoryException if there isn't enough
     */
    DeviceBuffer allocate(long bytes);

    /**
     * Allocates host memory that the device can copy from and to by itself, while kernels run:
     * pinned memory. Its content is undefined.
     *
     * @param bytes 1 or more
     * @param arena frees the memory when it is closed
     * @throws DeviceMemoryException if no more memory can be pinned
     */
    MemorySegment pinned(long bytes, Arena arena);
  }

  /** Returns the device's memory. */
  Memory memory();

  /** Creates a queue, which the caller closes before the device. */
  DeviceQueue queue();

  /**
   * Returns the device whose queues reach a matrix that a caller owns: this one, or one over the
   * caller's own context, which is closed with this one.
   *
   * @param matrix says which queue its content comes from
   * @throws IllegalArgumentException if the matrix's queue is another device's
   */
  GpuDevice reaching(DeviceMatrix matrix);

  /**
   * Returns a matrix that a caller owns as rows on this device. The memory stays the caller's: to
   * close the rows' buffer frees nothing.
   *
   * @param matrix one with elements, for which {@link #reaching} returned this device
   * @throws IllegalArgumentException if it isn't in memory of this device and context
   */
  DeviceRows view(DeviceMatrix matrix);

  /** Closes the device. Everything that was made on it must be closed before. */
  @Override
  void close();
}
