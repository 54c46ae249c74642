package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.gpu.DeviceQueue;
import io.github.wandacuda.bench.device.DeviceAccess;
import io.github.wandacuda.bench.device.Linear;
import java.util.Map;
import java.util.Optional;

/** OpenCL's linear layer. */
public final class OpenClAccess implements DeviceAccess {
  private final DeviceQueue queue;

  /** Takes a queue of an OpenCL device, which stays the caller's. */
  public OpenClAccess(DeviceQueue queue) {
    this.queue = queue;
  }

  @Override
  public Map<String, Linear> linears() {
    return Map.of(Linear.OWN, (x, w, out) -> queue.forward().linear(x, w, null, out));
  }

  @Override
  public Optional<Linear> reference() {
    return Optional.empty();
  }

  @Override
  public Map<String, Object> facts() {
    return Map.of();
  }

  @Override
  public void close() {}
}
