package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.backend.gpu.DeviceBuffer;

/** The driver's own copy within a device's memory, the measure of what the memory can do. */
public interface DeviceCopy {
  /** Queues a copy of the whole of {@code from}, to a buffer of the same size. */
  void copy(DeviceBuffer from, DeviceBuffer to);

  /** Waits until all copies are done. */
  void finish();
}
