package io.github.wandacuda.backend.gpu;

import java.util.Objects;

/**
 * An address in a device's memory.
 *
 * @param offset bytes from its start
 */
public record DevicePointer(DeviceBuffer buffer, long offset) {
  public DevicePointer {
    Objects.requireNonNull(buffer, "buffer");
    if (offset < 0 || offset > buffer.bytes()) {
      throw new IndexOutOfBoundsException(
          "byte %d of a buffer of %d bytes".formatted(offset, buffer.bytes()));
    }
  }

  public DevicePointer plus(long bytes) {
    return new DevicePointer(buffer, offset + bytes);
  }
}
