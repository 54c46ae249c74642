package io.github.wandacuda.device;

import io.github.wandacuda.DeviceMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * One open accelerator, with as much of it as the shared host code of the GPU backends needs. All
 * methods may be called from any thread.
 */
public interface GpuDevice extends AutoCloseable {
  /** Returns the backend's name, as {@code --backend} takes it. */
  String backend();

  /** Returns the device's name, for people. */
  String name();

  /** Returns the memory that is free now, or all there is where the device doesn't tell. */
  long freeBytes();

  /** Returns the largest size that {@link #allocate} may grant. */
  long largestBuffer();

  /**
   * Allocates memory, whose content is undefined. Its address is a multiple of 256.
   *
   * @param bytes 1 or more
   * @throws DeviceMemoryException if there isn't enough
   */
  DeviceBuffer allocate(long bytes);

  /**
   * Allocates host memory that the device can copy from and to by itself, while kernels run: pinned
   * memory. Its content is undefined.
   *
   * @param bytes 1 or more
   * @param arena gives the memory back when it is closed
   */
  MemorySegment pinned(long bytes, Arena arena);

  /** Returns a new queue. */
  DeviceQueue queue();

  /**
   * Returns the device whose queues reach a matrix that a caller owns: this one, or one over the
   * caller's own context, which is closed with this one.
   *
   * @throws IllegalArgumentException if the matrix's queue is another device's
   */
  GpuDevice reaching(DeviceMatrix matrix);

  /**
   * Returns a matrix that a caller owns as rows on this device, which {@link #reaching} returned.
   * Closing their buffer gives nothing back.
   *
   * @param matrix one with elements
   * @throws IllegalArgumentException if it isn't in memory of this device and context
   */
  DeviceRows view(DeviceMatrix matrix);

  /** Lets go of the device. Everything that was made on it has to be closed before. */
  @Override
  void close();
}
