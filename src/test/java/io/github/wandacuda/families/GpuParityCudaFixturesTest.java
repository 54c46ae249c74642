package io.github.wandacuda.families;

import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.backend.Gpu;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
@FirstCases(6)
class GpuParityCudaFixturesTest extends FixturesParity {
  GpuParityCudaFixturesTest() {
    super(Gpu.CUDA::open, 0.001);
  }
}
