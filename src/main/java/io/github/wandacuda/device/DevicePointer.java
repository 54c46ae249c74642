package io.github.wandacuda.device;

import java.util.Objects;

/**
 * A place in a device's memory.
 *
 * @param buffer the memory
 * @param offset bytes from its start
 */
public record DevicePointer(DeviceBuffer buffer, long offset) {
  /** Checks that the place is inside of the memory or at its end. */
  public DevicePointer {
    Objects.requireNonNull(buffer, "buffer");
    if (offset < 0 || offset > buffer.bytes()) {
      throw new IndexOutOfBoundsException(
          "byte %d of a buffer of %d bytes".formatted(offset, buffer.bytes()));
    }
  }

  /** Returns the place {@code bytes} further on. */
  public DevicePointer plus(long bytes) {
    return new DevicePointer(buffer, offset + bytes);
  }
}
