package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.error.BackendUnavailableException;

/** A device has less free memory than was requested. */
public final class DeviceMemoryException extends BackendUnavailableException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the failure with both sizes.
   *
   * @param device the device's name
   * @param wanted bytes that were asked for
   * @param free bytes that are free
   */
  public DeviceMemoryException(String device, long wanted, long free) {
    super(
        "%s: out of device memory: expected %d free bytes, found %d"
            .formatted(device, wanted, free));
  }

  /**
   * Creates the failure if the requested size isn't known.
   *
   * @param message one line for the user
   */
  public DeviceMemoryException(String message) {
    super(message);
  }
}
