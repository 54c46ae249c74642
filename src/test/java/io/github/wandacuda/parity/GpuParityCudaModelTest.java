package io.github.wandacuda.parity;

import io.github.wandacuda.testing.backend.Gpu;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class GpuParityCudaModelTest extends ModelParity {
  @Override
  Gpu device() {
    return Gpu.CUDA;
  }
}
