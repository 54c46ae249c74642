package io.github.wandacuda.device;

import io.github.wandacuda.error.BackendUnavailableException;

/** A device has not as much memory left as was asked for. */
public final class DeviceMemoryException extends BackendUnavailableException {
  private static final long serialVersionUID = 1L;

  /**
   * Says what was asked for and what is there.
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

  /** Creates the failure with its one line, where nobody knows how much was wanted. */
  public DeviceMemoryException(String message) {
    super(message);
  }
}
