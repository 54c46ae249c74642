package io.github.wandacuda.backend.gpu;

import java.util.Objects;

/**
 * An address in a device's memory. It is valid until its buffer is closed; one past the last byte
 * is allowed, too.
 *
 * @param buffer the memory
 * @param offset bytes from its start, from 0 to its size
 */
public record DevicePointer(DeviceBuffer buffer, long offset) {
  /**
   * Checks that the address lies within the buffer.
   *
   * @throws IndexOutOfBoundsException if the offset is negative or behind the end
   */
  public DevicePointer {
    Objects.requireNonNull(buffer, "buffer");
    if (offset < 0 || offset > buffer.bytes()) {
      throw new IndexOutOfBoundsException(
          "byte %d of a buffer of %d bytes".formatted(offset, buffer.bytes()));
    }
  }

  /**
   * Returns the address so many bytes further on.
   *
   * @throws IndexOutOfBoundsException if it isn't in the same buffer
   */
  public DevicePointer plus(long bytes) {
    return new DevicePointer(buffer, offset + bytes);
  }
}
