package io.github.wandacuda.backend;

import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.system.WorkerPool;
import java.util.List;

/** What a backend offers to {@link java.util.ServiceLoader}: its devices, and a way to open one. */
public interface BackendProvider {
  String name();

  /**
   * Returns the place in the order in which {@code auto} tries backends; the lowest comes first.
   */
  int order();

  /**
   * Returns all of the backend's devices in the order of their indices, those that can't be used
   * included; where there is none, one entry that says why. Never throws.
   */
  List<DeviceDescription> devices();

  /**
   * Returns {@link #devices()} for a person to read, with what takes longer to find out than runs
   * that don't need it should wait. Never throws.
   */
  default List<DeviceDescription> listing() {
    return devices();
  }

  /** Opens a device for the default precision. */
  default Backend open(int device, int threads) {
    return open(device, threads, Precision.DEFAULT);
  }

  /**
   * Opens a device for a precision, of which a backend that has but one takes no heed.
   *
   * @param device its index in {@link #devices()}
   * @param threads CPU threads to use, 1 or more
   * @param precision of linear layers
   */
  Backend open(int device, int threads, Precision precision);

  /**
   * Opens a device for a caller who brings the CPU threads.
   *
   * @param device its index in {@link #devices()}
   * @param workers stay the caller's
   */
  default Backend open(int device, WorkerPool workers) {
    return open(device, workers.count());
  }
}
