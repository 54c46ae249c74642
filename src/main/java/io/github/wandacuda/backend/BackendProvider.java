package io.github.wandacuda.backend;

import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.system.WorkerPool;
import java.util.List;

/** What a backend offers to {@link java.util.ServiceLoader}: its devices, and a way to open one. */
public interface BackendProvider {
  /**
   * Returns the backend's name, as {@code --backend} takes it: lower-case letters, unique among
   * providers.
   */
  String name();

  /**
   * Returns the place in the order in which {@code auto} tries backends; the lowest comes first.
   */
  int order();

  /**
   * Returns all of the backend's devices in the order of their indices, those that can't be used
   * included. Never throws.
   *
   * @return one or more; where there is no device, one entry that says why
   */
  List<DeviceDescription> devices();

  /**
   * Returns {@link #devices()} for a person to read, with facts that take longer to find out and
   * that a run doesn't need. Never throws.
   */
  default List<DeviceDescription> listing() {
    return devices();
  }

  /**
   * Opens a device for the default precision.
   *
   * @param device its index in {@link #devices()}
   * @param threads CPU threads to use, 1 or more
   * @return the open device, which the caller closes
   * @throws io.github.wandacuda.error.BackendUnavailableException if it can't be used
   */
  default Backend open(int device, int threads) {
    return open(device, threads, Precision.DEFAULT);
  }

  /**
   * Opens a device for a precision. A backend that has only one precision ignores the choice.
   *
   * @param device its index in {@link #devices()}
   * @param threads CPU threads to use, 1 or more
   * @param precision of linear layers
   * @return the open device, which the caller closes
   * @throws io.github.wandacuda.error.BackendUnavailableException if it can't be used
   */
  Backend open(int device, int threads, Precision precision);

  /**
   * Opens a device for a caller who brings the CPU threads.
   *
   * @param device its index in {@link #devices()}
   * @param workers the CPU threads, which stay the caller's to close; a backend may take their
   *     number alone and start its own
   * @return the open device, which the caller closes
   * @throws io.github.wandacuda.error.BackendUnavailableException if it can't be used
   */
  default Backend open(int device, WorkerPool workers) {
    return open(device, workers.count());
  }
}
