package io.github.wandacuda.backend.gpu;

/**
 * A piece of a device's memory, from {@link GpuDevice.Memory#allocate}. Whoever allocates it closes
 * it.
 */
public interface DeviceBuffer extends AutoCloseable {
  /** Returns its size in bytes. */
  long bytes();

  /**
   * Returns the address of a byte in it.
   *
   * @throws IndexOutOfBoundsException if {@code offset} is negative or behind the end
   */
  default DevicePointer at(long offset) {
    return new DevicePointer(this, offset);
  }

  /** Frees the memory; all queued work on it must be finished. A second call does nothing. */
  @Override
  void close();
}
