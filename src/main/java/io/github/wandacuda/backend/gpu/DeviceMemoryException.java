package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.error.BackendUnavailableException;

/** A device has less free memory than was requested. */
public final class DeviceMemoryException extends BackendUnavailableException {
  private static final long serialVersionUID = 1L;

  /** Creates the failure with both sizes. */
  public DeviceMemoryException(String device, long wanted, long free) {
    super(
        "%s: out of device memory: expected %d free bytes, found %d"
            .formatted(device, wanted, free));
  }

  /** Creates the failure with its message, if the requested size isn't known. */
  public DeviceMemoryException(String message) {
    super(message);
  }
}
