package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.backend.cuda.CudaAccess;
import io.github.wandacuda.backend.gpu.DeviceQueue;
import io.github.wandacuda.backend.gpu.GpuDevice;
import io.github.wandacuda.backend.opencl.OpenClAccess;
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

  /** Returns the access to a device through its queue. */
  static DeviceAccess of(GpuDevice device, DeviceQueue queue) {
    return switch (device.backend()) {
      case "cuda" -> new CudaAccess(queue);
      case "opencl" -> new OpenClAccess(queue);
      default -> throw new IllegalArgumentException(device.backend());
    };
  }
}
