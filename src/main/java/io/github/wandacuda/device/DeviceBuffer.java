package io.github.wandacuda.device;

/** A piece of a device's memory. */
public interface DeviceBuffer extends AutoCloseable {
  /** Returns its size. */
  long bytes();

  /** Returns the place {@code offset} bytes from the start. */
  default DevicePointer at(long offset) {
    return new DevicePointer(this, offset);
  }

  /** Gives the memory back; what was queued on it has to be finished. Closing twice is once. */
  @Override
  void close();
}
