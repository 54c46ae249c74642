package io.github.wandacuda.backend.gpu;

/** A piece of a device's memory. */
public interface DeviceBuffer extends AutoCloseable {
  long bytes();

  default DevicePointer at(long offset) {
    return new DevicePointer(this, offset);
  }

  /** Frees the memory; all queued work on it must be finished. A second call does nothing. */
  @Override
  void close();
}
