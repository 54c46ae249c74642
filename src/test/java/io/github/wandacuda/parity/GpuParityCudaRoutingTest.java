package io.github.wandacuda.parity;

import io.github.wandacuda.backend.Backend;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class GpuParityCudaRoutingTest extends RoutingParity {
  @Override
  Backend device() {
    return Gpu.CUDA.open();
  }
}
