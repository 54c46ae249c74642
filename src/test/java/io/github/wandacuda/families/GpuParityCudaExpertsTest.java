package io.github.wandacuda.families;

import io.github.wandacuda.testing.backend.Gpu;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class GpuParityCudaExpertsTest extends ExpertsParity {
  GpuParityCudaExpertsTest() {
    super(Gpu.CUDA::open, 1e-5);
  }
}
