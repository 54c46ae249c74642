package io.github.wandacuda.families;

import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.backend.BesideCuda;
import io.github.wandacuda.testing.backend.Gpu;

@BesideCuda
@FirstCases(6)
class GpuParityOpenClFixturesTest extends FixturesParity {
  GpuParityOpenClFixturesTest() {
    super(Gpu.OPENCL::open, 0.001);
  }
}
