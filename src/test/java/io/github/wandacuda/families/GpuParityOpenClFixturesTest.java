package io.github.wandacuda.families;

import io.github.wandacuda.testing.backend.Gpu;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class GpuParityOpenClFixturesTest extends FixturesParity {
  GpuParityOpenClFixturesTest() {
    super(Gpu.OPENCL::open, 0.001);
  }
}
