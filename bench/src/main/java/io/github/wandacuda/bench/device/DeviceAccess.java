package io.github.wandacuda.bench.device;

import java.util.Map;
import java.util.Optional;

/** What the measurements need of a device beyond what backends share. */
public interface DeviceAccess extends AutoCloseable {
  /** Returns the linear layers to measure, on float32 inputs, by their names. */
  Map<String, Linear> linears();

  /** Returns the vendor's product, on inputs of the weights' type. */
  Optional<Linear> reference();

  /** Returns what to note about the device. */
  Map<String, Object> facts();

  @Override
  void close();
}
